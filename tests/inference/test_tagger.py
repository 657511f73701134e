import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seqlab
from seqlab.data.readers import ConllReader
from seqlab.data.records import records_from_columns
from seqlab.errors import DataError
from seqlab.inference import LabelledSpan
from seqlab.inference.given import read_input

WORDS = ("Ada", "Alan", "Turing", "visited", "New", "York", ".", "unseen", "😀", "don't")


def test_predict_finds_spans_with_their_place_in_the_text(tagger: seqlab.Tagger) -> None:
    text = "  Grace Hopper visited  New York."
    (record,) = tagger.predict([text])
    assert record.tokens == ["Grace", "Hopper", "visited", "New", "York", "."]
    assert record.predictions["tags"].labels == ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O"]
    person, place = record.spans
    confidences = record.predictions["tags"].span_confidences
    assert confidences is not None
    assert person == LabelledSpan(0, 2, "PER", confidences[0], "Grace Hopper", 2, 14)
    assert (place.text, text[place.text_start : place.text_end]) == ("New York", "New York")


def test_predict_takes_tokens_without_places(tagger: seqlab.Tagger) -> None:
    (record,) = tagger.predict([["Kurt", "visited", "Oslo", "."]])
    assert (record.text, record.offsets) == (None, None)
    assert [(s.text, s.label, s.text_start) for s in record.spans] == [
        ("Kurt", "PER", None),
        ("Oslo", "LOC", None),
    ]


def test_predict_takes_the_offsets_that_a_record_brings(tagger: seqlab.Tagger) -> None:
    record = {"text": "<b>Kurt</b>", "tokens": ["Kurt"], "offsets": [[3, 7]]}
    (span,) = tagger.predict([record])[0].spans
    assert (span.text, span.text_start, span.text_end) == ("Kurt", 3, 7)


def test_predict_keeps_order_and_number_of_inputs(tagger: seqlab.Tagger) -> None:
    inputs = ["", "Kurt", [], "   ", ["Oslo"] * 300, "Ada visited Paris ."]
    assert [len(r.tokens) for r in tagger.predict(inputs)] == [0, 1, 0, 0, 300, 4]
    assert tagger.predict([]) == []


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "a\u0301", "👩‍👩‍👧‍👦 🇳🇴", "\u200b", "Kurt\u00a0visited\u2028Oslo", "日本語 עברית"]
)
def test_offsets_are_exact_in_any_text(tagger: seqlab.Tagger, text: str) -> None:
    (record,) = tagger.predict([text])
    assert record.offsets is not None
    assert [text[start:end] for start, end in record.offsets] == record.tokens
    assert "".join(record.tokens) == "".join(text.split())
    assert len(record.predictions["tags"].labels) == len(record.predictions["tags"].confidences) == len(record.tokens)


@settings(max_examples=10)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=9), min_size=1, max_size=6))
def test_batch_mates_change_nothing(tagger: seqlab.Tagger, records: list[list[str]]) -> None:
    together = [record.predictions["tags"] for record in tagger.predict(records)]
    alone = [tagger.predict([record])[0].predictions["tags"] for record in records]
    assert [p.labels for p in together] == [p.labels for p in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.confidences == pytest.approx(other.confidences, abs=1e-5)


@pytest.mark.parametrize("item", [7, None, ["a", 7], b"bytes"])
def test_an_input_is_text_tokens_or_a_record(item: object) -> None:
    with pytest.raises(DataError, match=f"input is {re.escape(repr(item))}; expected a string, a list of strings, or a"):
        read_input(item)


def test_predict_names_the_input_that_lacks_tokens(tagger: seqlab.Tagger) -> None:
    with pytest.raises(DataError, match=r"input 1 has no 'tokens'; the model reads 'tokens'"):
        tagger.predict(["fine", {"words": ["Ada"]}])


def test_predict_reads_every_column_of_the_model(reading_upos: seqlab.Tagger) -> None:
    assert reading_upos.columns == ["tokens", "upos"]
    record = {"tokens": ["Ada", "visited"], "upos": ["PROPN", "VERB"]}
    assert len(reading_upos.predict([record])[0].predictions["tags"].labels) == 2
    with pytest.raises(DataError, match=r"input 1 has no 'upos'; the model reads 'tokens', 'upos'"):
        reading_upos.predict([record, "Ada visited"])


def test_evaluate_scores_records_and_refuses_those_without_labels(tagger: seqlab.Tagger, sentences: Path) -> None:
    options = {
        "separator": "auto",
        "skip_docstart": True,
        "comment_prefix": None,
        "scheme": None,
        "target_scheme": None,
    }
    path = sentences / "train.conll"
    records = ConllReader(columns={"tokens": 0, "tags": 2}, **options).read(path)
    assert tagger.evaluate(records)["span_f1"]["strict"] == 1.0
    with pytest.raises(DataError, match=r"none of the columns that the heads learned \('tags'\), but id, line, tokens"):
        tagger.evaluate(ConllReader(columns={"tokens": 0}, **options).read(path))


def test_a_bare_text_or_record_is_a_list_of_one(tagger: seqlab.Tagger) -> None:
    (record,) = tagger.predict("Maria flew")
    assert record.tokens == ["Maria", "flew"]
    assert tagger.predict({"text": "Maria flew"}) == [record] == list(tagger.stream("Maria flew"))


def test_a_stream_reads_no_more_than_it_holds(tagger: seqlab.Tagger) -> None:
    texts, n_read = [f"{word} visited Oslo ." for word in WORDS * 3], 0

    def source() -> Iterator[str]:
        nonlocal n_read
        for text in texts:
            n_read += 1
            yield text

    stream = tagger.stream(source(), n_records=8, n_best=1)
    first = next(stream)
    assert n_read == 8
    assert [first, *stream] == tagger.predict(texts, n_best=1)
    assert list(tagger.stream([])) == []


def test_tags_are_those_of_the_data(tagger: seqlab.Tagger) -> None:
    reader = {"scheme": "BIOES", "target_scheme": "BIO"}
    converted = seqlab.Tagger(replace(tagger.bundle, facts={**tagger.bundle.facts, "data": {"reader": reader}}))
    try:
        (record,) = converted.predict(["Kurt visited New York ."], n_best=1)
        found = record.predictions["tags"]
        assert found.labels == ["S-PER", "O", "B-LOC", "E-LOC", "O"]
        assert found.alternatives is not None
        assert found.alternatives[0].labels == found.labels
        assert [(span.text, span.label) for span in record.spans] == [("Kurt", "PER"), ("New York", "LOC")]
        columns = {"tokens": [["Kurt", "visited", "New", "York"]], "tags": [["B-PER", "O", "B-LOC", "I-LOC"]]}
        scores = converted.evaluate(records_from_columns(columns))
        assert (scores["scheme"], scores["accuracy"]) == ("BIOES", 1.0)
        assert set(scores["per_tag"]) == {"S-PER", "O", "B-LOC", "E-LOC"}
    finally:
        seqlab.Tagger(tagger.bundle)  # the heads are shared
    assert tagger.predict(["Kurt"])[0].predictions["tags"].labels == ["B-PER"]
