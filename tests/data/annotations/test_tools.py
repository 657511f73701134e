"""Files of annotation tools: what their exports mean, both ways, and mistakes in them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqlab.cli import main
from seqlab.data.annotations import TOOLS, AnnotationReader
from seqlab.data.convert import convert_file
from seqlab.data.formats import format_of
from seqlab.errors import ConfigError, DataError

TEXT = "🦜 Ada met Zoë in New York."
SPANS = [(2, 5, "PER"), (10, 13, "PER"), (17, 25, "LOC")]
UTF_16 = [(3, 6, "PER"), (11, 14, "PER"), (18, 26, "LOC")]


def read(path: Path, tool: str, **options: Any) -> list[dict[str, Any]]:
    return [dict(record) for record in AnnotationReader(tool=tool, **options).read(path)]


def spans_of(record: dict[str, Any]) -> list[tuple[int, int, str]]:
    offsets = record["offsets"]
    return [(offsets[one["start"]][0], offsets[one["end"] - 1][1], one["label"]) for one in record["segments"]]


def label_studio(spans: list[tuple[int, int, str]], **value: str) -> dict[str, Any]:
    result = [
        {"type": "labels", "from_name": "label", "to_name": "text", "value": {"start": s, "end": e, "labels": [label], **value}}
        for s, e, label in spans
    ]
    cancelled = {"was_cancelled": True, "result": []}
    return {"id": 7, "data": {"text": TEXT, "meta": 3}, "annotations": [cancelled, {"result": result, "was_cancelled": False}]}


EXPORTS = {
    "label_studio": json.dumps([label_studio(UTF_16)], indent=1),
    "doccano": json.dumps({"id": 7, "text": TEXT, "label": SPANS}),
    "prodigy": "\n".join(
        json.dumps(one)
        for one in (
            {"text": TEXT, "spans": [{"start": s, "end": e, "label": label} for s, e, label in SPANS], "answer": "accept"},
            {"text": "no", "spans": [], "answer": "reject"},
        )
    ),
    "spacy_json": json.dumps([[TEXT, {"entities": SPANS}]]),
    "offsets_csv": "id,text,start,end,label\n" + "".join(f"7,{TEXT},{s},{e},{label}\n" for s, e, label in SPANS),
}


@pytest.mark.parametrize("tool", sorted(EXPORTS))
def test_an_export_has_the_spans_that_were_marked(tool: str, tmp_path: Path) -> None:
    (tmp_path / "export").write_text(EXPORTS[tool], encoding="utf-8")
    [record] = read(tmp_path / "export", tool)
    assert record["text"] == TEXT
    assert spans_of(record) == SPANS
    assert record["tags"] == ["O", "B-PER", "O", "B-PER", "O", "B-LOC", "I-LOC", "O"]


def test_other_forms_of_exports_are_read(tmp_path: Path) -> None:
    short = [{"id": 1, "text": TEXT, "label": [{"start": 3, "end": 6, "text": "Ada", "labels": ["PER"]}], "annotation_id": 1}]
    (tmp_path / "min.json").write_text(json.dumps(short))
    assert spans_of(read(tmp_path / "min.json", "label_studio")[0]) == SPANS[:1]
    entities = [{"id": 1, "label": "PER", "start_offset": 2, "end_offset": 5}]
    (tmp_path / "doccano.jsonl").write_text(json.dumps({"text": TEXT, "entities": entities, "relations": []}))
    assert spans_of(read(tmp_path / "doccano.jsonl", "doccano")[0]) == SPANS[:1]
    tagged = {"Ada": "U-PER", "met": "O", "New": "B-LOC", "York": "L-LOC"}
    tokens = [{"orth": word, "ner": tag} for word, tag in tagged.items()]
    document = [{"id": 0, "paragraphs": [{"raw": "Ada met  New York", "sentences": [{"tokens": tokens}]}]}]
    (tmp_path / "v2.json").write_text(json.dumps(document))
    assert spans_of(read(tmp_path / "v2.json", "spacy_json")[0]) == [(0, 3, "PER"), (9, 17, "LOC")]


def test_labels_of_texts_are_read_and_written(tmp_path: Path) -> None:
    choice = {"type": "choices", "from_name": "sentiment", "to_name": "text", "value": {"choices": ["good"]}}
    (tmp_path / "choices.json").write_text(
        json.dumps([{"id": 1, "data": {"text": "fine"}, "annotations": [{"result": [choice]}]}])
    )
    assert read(tmp_path / "choices.json", "label_studio")[0]["label"] == "good"
    for tool in ("doccano", "prodigy", "label_studio"):
        convert(tmp_path / "choices.json", tmp_path / tool, source="label_studio", into=tool)
        [record] = read(tmp_path / tool, tool)
        assert (record["text"], record["label"]) == ("fine", "good")


def test_white_space_in_a_mark_is_left_out_and_tokens_are_cut_where_spans_end(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps({"text": "the co-author left", "label": [[4, 7, "PRE"], [7, 14, "ROOT"]]}))
    [record] = read(tmp_path / "x.jsonl", "doccano")
    assert record["tokens"] == ["the", "co-", "author", "left"]
    assert spans_of(record) == [(4, 7, "PRE"), (7, 13, "ROOT")]


def test_brat_reads_texts_and_marks_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"Ada\r\nmet Bo and Cy.")
    marks = ["T1\tPER 0 3\tAda", "T2\tPER 9 11;16 18\tBo Cy", "R1\tmeets Arg1:T1 Arg2:T2", "#1\tNote T1\tx"]
    (tmp_path / "a.ann").write_text("\n".join(marks) + "\n")
    (tmp_path / "b.txt").write_text("nothing here")
    with pytest.raises(DataError, match=r"a.ann:2: PER 9 11;16 18 has 2 parts; set data.reader.discontinuous"):
        read(tmp_path, "brat")
    first, second = read(tmp_path, "brat", discontinuous="drop")
    assert (first["id"], spans_of(first)) == ("a", [(0, 3, "PER")])
    assert (second["id"], spans_of(second)) == ("b", [])
    assert spans_of(read(tmp_path, "brat", discontinuous="outer")[0])[1] == (9, 18, "PER")
    assert spans_of(read(tmp_path, "brat", discontinuous="parts")[0])[1:] == [(9, 11, "PER"), (16, 18, "PER")]
    (tmp_path / "a.ann").write_text("T1\tPER 1 4\tAda\n")
    with pytest.raises(DataError, match=r"a.ann:1: characters 1 4 are .*, but the line says 'Ada'; correct the offsets"):
        read(tmp_path, "brat")


@pytest.mark.parametrize(
    ("tool", "content", "message"),
    [
        (
            "label_studio",
            json.dumps([label_studio(SPANS, text="Ada")]),
            r"characters 1 to 4 are ' Ad', but .* 'Ada'; set .*unit=char",
        ),
        ("label_studio", json.dumps([label_studio([(1, 6, "PER")])]), r"offset 1 is inside a character, or beyond the text"),
        ("label_studio", '[{"id": 1, "data": {"a": 3}}]', r"x:1: text is missing; expected a text"),
        ("label_studio", "[\n3]", r"x:2: 3 is not an object"),
        ("label_studio", "[{", r"x:1: not JSON"),
        ("doccano", '{"text": "a", "label": [[0, 9, "X"]]}', r"span \[0, 9, 'X'\]; expected 0 <= start < end <= 1"),
        (
            "doccano",
            '{"text": "a", "label": [[0, true, "X"]]}',
            r"x:1: span is \[0, True, 'X'\]; expected \[start, end, label\]",
        ),
        ("doccano", '{"text": "a  b", "label": [[1, 3, "X"]]}', r"has nothing but white space; remove it"),
        ("prodigy", '{"text": "a", "spans": [{"start": 0}]}', r"x:1: end is missing; expected a whole number"),
        ("spacy_json", '[["a", {"entities": [[0, "X"]]}]]', r"x:1: document 1: entity is \[0, 'X'\]"),
        ("offsets_csv", "id,text\n1,a\n", r"x:1: no column start, end, label; expected a header"),
        ("offsets_csv", "id,text,start,end,label\n1,a,0,x,L\n", r"x:2: start is '0' and end 'x'; expected whole numbers"),
        ("offsets_csv", "id,text,start,end,label\n1,a,,,\n1,b,,,\n", r"x:3: id '1' has another text than on line 2"),
        ("offsets_csv", "id,text,start,end,label\n1,a,,,\n2,b,,,\n1,a,,,\n", r"x:4: id '1' occurs again"),
    ],
)
def test_mistakes_are_named_with_their_line(tool: str, content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "x", tool)


def test_options_are_checked() -> None:
    for options, message in (
        ({"tool": "word"}, "tool is 'word'; expected one of label_studio"),
        ({"tool": "brat", "unit": "bytes"}, "unit is 'bytes'; expected characters, utf-16 or null"),
        ({"tool": "brat", "discontinuous": "join"}, "discontinuous is 'join'; expected one of refuse"),
    ):
        with pytest.raises(ConfigError, match=message):
            AnnotationReader(**options)  # type: ignore[arg-type]


def convert(path: Path, target: Path, *, source: str, into: str) -> list[str]:
    options: dict[str, Any] = {"source_scheme": None, "target_scheme": None, "columns": ["tokens", "tags"]}
    return convert_file(path, target, source_format=source, target_format=into, overrides=["span_scheme=null"], **options)


LETTERS = st.sampled_from([*'abcé 🦜\u0301中\n\r",\t'])


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return texts with spans, which may nest and overlap, around characters that are not white space."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        text = "x" + "".join(draw(st.lists(LETTERS, max_size=20))) + "y"
        places = [i for i, char in enumerate(text) if not char.isspace()]
        ends = st.sampled_from(places)
        pairs = {tuple(sorted((draw(ends), draw(ends)))) for _ in range(draw(st.integers(0, 4)))}
        spans = sorted((start, end + 1, draw(st.sampled_from(["A", "B-c"]))) for start, end in pairs)
        found.append({"id": f"d{number}", "text": text, "label": spans})
    return found


@pytest.mark.parametrize("tool", sorted(TOOLS))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=documents())
def test_spans_go_through_every_tool_unchanged(tool: str, tmp_path: Path, records: list[dict[str, Any]]) -> None:
    if tool == "spacy":
        pytest.importorskip("spacy", reason="the extra `spacy` is not installed")
    source, target = tmp_path / "in.jsonl", tmp_path / f"{tool}_out"
    source.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    for stale in target.iterdir() if target.is_dir() else []:
        stale.unlink()
    assert convert(source, target, source="doccano", into=tool) == []
    back = read(target, tool, span_scheme=None)
    expected = read(source, "doccano", span_scheme=None)
    assert [one["text"] for one in back] == [one["text"] for one in expected]
    assert [spans_of(one) for one in back] == [spans_of(one) for one in expected]


def test_column_files_become_texts_for_annotation_and_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.conll").write_text("Ada\tB-PER\nmet\tO\nNew\tB-LOC\nYork\tI-LOC\n\nno\tO\n")
    assert main(["data", "convert", str(tmp_path / "x.conll"), str(tmp_path / "x.json"), "--to", "label_studio"]) == 0
    tasks = json.loads((tmp_path / "x.json").read_text())
    assert [task["data"]["text"] for task in tasks] == ["Ada met New York", "no"]
    assert format_of(tmp_path / "x.json") == "label_studio"
    assert main(["data", "convert", str(tmp_path / "x.json"), str(tmp_path / "y.conll")]) == 0
    assert (tmp_path / "y.conll").read_text() == (tmp_path / "x.conll").read_text() + "\n"
    assert main(["data", "check", str(tmp_path / "x.json")]) == 0
    assert "label_studio" in capsys.readouterr().out
