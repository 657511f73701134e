import io
import json
import re

import pytest
from rich.console import Console

from seqlab.errors import ConfigError, DataError
from seqlab.inference import Layer, TaggedRecord
from seqlab.inference.inputs import Chunk, ConllLine
from seqlab.inference.outputs import ConllOutput, JsonlOutput
from seqlab.inference.terminal import TerminalOutput
from seqlab.types import Prediction

SPANS = Layer(is_per_step=True, scheme="BIO", labels=["PER", "LOC"])
TAGS = Layer(is_per_step=True, scheme=None, labels=["NOUN", "VERB"])
LABEL = Layer(is_per_step=False, scheme=None, labels=["play"])


def spans_record(*, text: str | None = None) -> TaggedRecord:
    prediction = Prediction(["B-PER", "I-PER", "O"], [0.9, 0.75, 1.0])
    offsets = [(0, 3), (5, 11), (12, 16)] if text else None
    return TaggedRecord(["Ada", "Turing", "sang"], {"tags": prediction}, {"tags": SPANS}, text, offsets)


def both_record() -> TaggedRecord:
    predictions = {"pos": Prediction(["NOUN", "VERB"], [0.5, 0.5]), "intent": Prediction(["play"], [0.876])}
    return TaggedRecord(["dogs", "run"], predictions, {"pos": TAGS, "intent": LABEL})


def shown(record: TaggedRecord, *, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=colour, color_system="truecolor" if colour else None, width=20)
    TerminalOutput(console, layers=record.layers).write(Chunk([{}]), [record])
    return out.getvalue()


def test_jsonl_has_offsets_confidences_and_spans() -> None:
    out = io.StringIO()
    text = "Ada  Turing sang"
    JsonlOutput(out).write(Chunk([{"id": 7, "text": text}]), [spans_record(text=text)])
    span = {
        "start": 0,
        "end": 2,
        "label": "PER",
        "text": "Ada  Turing",
        "text_start": 0,
        "text_end": 11,
        "confidence": 0.75,
    }
    assert json.loads(out.getvalue()) == {
        "id": 7,
        "text": text,
        "tokens": ["Ada", "Turing", "sang"],
        "offsets": [[0, 3], [5, 11], [12, 16]],
        "predictions": {
            "tags": {"labels": ["B-PER", "I-PER", "O"], "confidences": [0.9, 0.75, 1.0], "spans": [span]},
        },
    }


def test_jsonl_of_tokens_has_no_characters_to_count() -> None:
    out = io.StringIO()
    JsonlOutput(out).write(Chunk([{"tokens": []}]), [spans_record()])
    record = json.loads(out.getvalue())
    assert list(record) == ["tokens", "predictions"]
    assert record["predictions"]["tags"]["spans"] == [
        {"start": 0, "end": 2, "label": "PER", "text": "Ada Turing", "confidence": 0.75}
    ]


def test_jsonl_escapes_what_utf8_cannot_hold() -> None:
    out = io.StringIO()
    JsonlOutput(out).write(Chunk([{"tokens": [], "note": "\ud800"}, {"tokens": [], "note": "é"}]), [both_record()] * 2)
    first, second = out.getvalue().splitlines()
    assert r'"note": "\ud800"' in first
    assert '"note": "é"' in second


def test_conll_puts_a_label_of_each_token_head_behind_its_token() -> None:
    lines = [
        ConllLine("# c", "\r\n", is_token=False, has_columns=False),
        ConllLine("1-2 x", "\r\n", is_token=False, has_columns=True),
        ConllLine("dogs  N", "\r\n", is_token=True, has_columns=True),
        ConllLine("\t", "\n", is_token=False, has_columns=False),
        ConllLine("run", "", is_token=True, has_columns=True),
    ]
    record = both_record()
    layers = {**record.layers, "case": TAGS}
    record = TaggedRecord(record.tokens, {**record.predictions, "case": Prediction(["a", "b"], [1.0, 1.0])}, layers)
    out = io.StringIO()
    ConllOutput(out, layers=layers).write(Chunk([{}], lines, " "), [record])
    assert out.getvalue() == "# c\r\n1-2 x _ _\r\ndogs  N NOUN a\r\n\t\nrun VERB b"


def test_conll_of_other_inputs_has_a_line_a_token() -> None:
    out = io.StringIO()
    output = ConllOutput(out, layers={"tags": SPANS})
    empty = TaggedRecord([], {"tags": Prediction([], [])}, {"tags": SPANS})
    output.write(Chunk([{}, {}]), [empty, spans_record()])
    assert out.getvalue() == "\nAda\tB-PER\nTuring\tI-PER\nsang\tO\n\n"
    with pytest.raises(DataError, match=r"token 'a\\tb' does not fit in a CoNLL column; use --to jsonl"):
        output.write(Chunk([{}]), [TaggedRecord(["a\tb"], {"tags": Prediction(["O"], [1.0])}, {"tags": SPANS})])


def test_conll_needs_a_label_for_each_token() -> None:
    with pytest.raises(ConfigError, match=r"but intent labels records or segments; use jsonl"):
        ConllOutput(io.StringIO(), layers={"intent": LABEL})


def test_terminal_without_colour_brackets_spans() -> None:
    assert shown(spans_record(text="Ada  Turing sang")) == "[Ada  Turing | PER] sang\n"
    assert shown(spans_record()) == "[Ada Turing | PER] sang\n"


def test_terminal_names_heads_where_there_are_several() -> None:
    assert shown(both_record()) == "pos: dogs/NOUN run/VERB\nintent: play 0.88  \n"


def test_terminal_shows_what_a_label_is_of() -> None:
    record = TaggedRecord(["go", "on"], {"intent": Prediction(["play"], [1.0])}, {"intent": LABEL})
    assert shown(record) == "play 1.00  go on\n"


def test_terminal_gives_each_label_one_colour_and_says_which() -> None:
    legend, line = shown(spans_record(), colour=True).splitlines()
    colour = "48;2;31;95;168m"
    assert f"{colour} PER " in legend
    assert f"{colour} Ada Turing " in line
    assert legend.count("48;2;") == 2


def test_terminal_never_obeys_the_text() -> None:
    prediction = {"tags": Prediction(["O", "O", "O"], [1.0] * 3)}
    record = TaggedRecord(["\x1b[31m", "[bold]", ":smile:\x9b"], prediction, {"tags": SPANS})
    assert shown(record) == "␛[31m [bold] :smile:[U+009B]\n"


HOSTILE = ["a\tb", "a\nb", "a\rb", "a\x1b[2J", "a\u2028b", "a\x85b", "a\x00b", "a\ud800b"]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_output_format_lets_text_out_of_its_place(text: str) -> None:
    layer = Layer(is_per_step=True, scheme="BIO", labels=[text])
    record = TaggedRecord(["Ada", text], {text: Prediction([f"B-{text}", "O"], [1.0, 1.0])}, {text: layer})
    out = io.StringIO()
    JsonlOutput(out).write(Chunk([{"tokens": ["Ada", text], "note": text}]), [record])
    (line,) = out.getvalue().splitlines()
    line.encode()
    assert line.isprintable()
    assert json.loads(line)["predictions"][text]["labels"] == [f"B-{text}", "O"]
    for has_colour in (False, True):
        lines = shown(record, colour=has_colour)
        lines.encode()
        assert len(lines.splitlines()) == 1 + has_colour  # the legend
        assert text not in lines


@pytest.mark.parametrize("text", [*HOSTILE, ""], ids=ascii)
def test_conll_refuses_labels_and_tokens_that_would_not_be_read_back(text: str) -> None:
    def write(token: str, label: str) -> None:
        record = TaggedRecord([token], {"tags": Prediction([label], [1.0])}, {"tags": SPANS})
        ConllOutput(io.StringIO(), layers={"tags": SPANS}).write(Chunk([{}]), [record])

    for token, label in ((text, "O"), ("Ada", text)):
        said = re.escape(f"token {text!r}" if token == text else f"label {text!r} of head tags")
        with pytest.raises(DataError, match=f"{said} does not fit in a CoNLL column; use --to jsonl"):
            write(token, label)


def test_conll_refuses_what_the_columns_of_the_input_do_not_take() -> None:
    line = ConllLine("Ada", "\n", is_token=True, has_columns=True)
    record = TaggedRecord(["Ada"], {"tags": Prediction(["New York"], [1.0])}, {"tags": SPANS})
    with pytest.raises(DataError, match="label 'New York' of head tags does not fit in a CoNLL column"):
        ConllOutput(io.StringIO(), layers={"tags": SPANS}).write(Chunk([{}], [line], " "), [record])
    start = TaggedRecord(["-DOCSTART-"], {"tags": Prediction(["O"], [1.0])}, {"tags": SPANS})
    with pytest.raises(DataError, match="token '-DOCSTART-' would start a document in CoNLL; use --to jsonl"):
        ConllOutput(io.StringIO(), layers={"tags": SPANS}).write(Chunk([{}]), [start])


def test_frames_have_outputs_without_tokens() -> None:
    record = TaggedRecord([], {"sky": Prediction(["wet", "dry"], [1.0, 0.5])}, {"sky": TAGS})
    out = io.StringIO()
    ConllOutput(out, layers=record.layers).write(Chunk([{"frames": [[0.5, 2], [1e-20, 3]]}]), [record])
    assert out.getvalue() == "0.5\t2\twet\n1e-20\t3\tdry\n\n"
    assert shown(record) == "wet dry\n"
    with pytest.raises(DataError, match="a line per token or frame, and the record has neither; use --to jsonl"):
        ConllOutput(out, layers=record.layers).write(Chunk([{}]), [record])
