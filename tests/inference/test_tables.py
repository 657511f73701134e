import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from seqlab.data.formats import reader_of
from seqlab.errors import ConfigError, DataError
from seqlab.inference.choose import InputChoice, check_name
from seqlab.inference.inputs import Chunk, InputFormat

CSV = {"text_column": "review", "label_column": "stars", "separator": "auto", "quote": '"', "column_names": None}
PAIRS = {"columns": {"text": "sentence_A", "text_2": "sentence_B"}, "separator": "auto", "quote": None}
CONLL = {"_target_": "seqlab.data.readers.ConllReader", "columns": {"tokens": 0, "tags": -1}, "separator": "auto"}


def source(
    reader: Mapping[str, Any], *, name: str = "csv", columns: str | None = None, needed: Any = ("tokens",)
) -> InputFormat:
    return InputChoice(path=Path("f"), reader=reader, needed=needed, columns=columns).format(name)


def chunks_of(source: InputFormat, text: str, *, name: str = "f.csv") -> list[Chunk]:
    return list(source.read(io.BytesIO(text.encode()), name=name))


def texts_of(source: InputFormat, text: str, *, name: str = "f.csv") -> list[Any]:
    return [record["text"] for chunk in chunks_of(source, text, name=name) for record in chunk.records]


def test_csv_gives_the_column_of_training_and_keeps_the_others() -> None:
    (chunk,) = chunks_of(source(CSV), 'id,stars,review\n7,5,"a ""b"",\nc"\n\n8,1,\n')
    assert [record["text"] for record in chunk.records] == ['a "b",\nc', ""]
    assert [record["id"] for record in chunk.records] == ["7", "8"]
    assert chunk.numbers == [2, 5]
    assert chunk.rows is not None
    assert [row["stars"] for row in chunk.rows] == ["5", "1"]
    assert chunk.records[1]["tokens"] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.tsv", "a\treview\n1\tgood , fun\n"),
        ("f.csv", "a;review\n1;good , fun\n"),
        ("f.txt", "a|review\n1|good , fun\n"),
        ("f.csv", '\ufeffa,review\r\n1,"good , fun"\r\n'),
    ],
)
def test_csv_finds_its_separator(name: str, text: str) -> None:
    assert texts_of(source(CSV), text, name=name) == ["good , fun"]


def test_csv_without_a_header_has_the_columns_of_training() -> None:
    assert texts_of(source(CSV | {"column_names": ["stars", "review"]}), "5,good\n") == ["good"]


def test_columns_are_those_of_training_or_chosen() -> None:
    assert texts_of(source(CONLL), "text,label\na,b\n") == ["a"]
    assert texts_of(source(CSV, columns="text=text"), "text,label\na,b\n") == ["a"]
    (chunk,) = chunks_of(source(CONLL, columns="tokens=words"), "words,tags\na b,O O\n")
    assert chunk.records[0]["tokens"] == ["a", "b"]
    pairs = source(PAIRS, needed=("tokens", "tokens_2"))
    (chunk,) = chunks_of(pairs, "sentence_A\tsentence_B\nx y\tz\n", name="f.txt")
    assert (chunk.records[0]["tokens"], chunk.records[0]["tokens_2"]) == (["x", "y"], ["z"])
    with pytest.raises(ConfigError, match="--columns is '1'; expected names of columns, such as text=review"):
        source(CSV, columns="1")


@pytest.mark.parametrize(
    ("reader", "columns", "text", "message"),
    [
        (
            CSV,
            None,
            "text,label\na,b\n",
            r"f.csv:1: no column 'review', .* among \['text', 'label'\]; .* --columns text=COLUMN",
        ),
        (CSV, "text=x", "text,label\na,b\n", r"f.csv:1: no column 'x', .* among \['text', 'label'\]"),
        (CONLL, None, "a,b\nc,d\n", r"f.csv:1: no column 'text', which the model reads as text, among \['a', 'b'\]"),
        (CSV, None, "review,stars\na,5\nb\n", r"f.csv:3: 1 column\(s\); expected 2, as \['review', 'stars'\]"),
        (CSV, None, 'review,stars\na,5\n"b"c,1\n', r"f.csv:3: row cannot be read: .*; check its quotes"),
    ],
)
def test_csv_names_what_is_wrong(reader: Mapping[str, Any], columns: str | None, text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"^{message}"):
        chunks_of(source(reader, columns=columns), text)


def test_parquet_gives_texts_or_tokens(tmp_path: Path) -> None:
    path = tmp_path / "x"
    pyarrow.parquet.write_table(pa.table({"review": ["a b", "c"], "image": [b"x", b"y"], "n": [1, 2]}), path)
    with path.open("rb") as stream:
        (chunk,) = source(CSV, name="parquet").read(stream, name="x")
    assert [record["tokens"] for record in chunk.records] == [["a", "b"], ["c"]]
    assert chunk.rows == [{"review": "a b", "n": 1}, {"review": "c", "n": 2}]
    pyarrow.parquet.write_table(pa.table({"tokens": [["a"], []], "tags": [[1], []]}), path)
    with path.open("rb") as stream:
        (chunk,) = source(CONLL, name="parquet").read(stream, name="x")
    assert chunk.records == [{"tokens": ["a"]}, {"tokens": []}]


def test_parquet_names_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "x"
    pyarrow.parquet.write_table(pa.table({"review": ["a", None]}), path)
    with path.open("rb") as stream, pytest.raises(DataError, match=r"^x:2: review is empty \(null\); expected a value"):
        list(source(CSV, name="parquet").read(stream, name="x"))
    pyarrow.parquet.write_table(pa.table({"review": ["Zoë"]}), path, compression="none")
    damaged = path.read_bytes().replace("Zoë".encode(), b"Zo\xeb ")
    for content in (b"PAR1 not", damaged):
        with pytest.raises(DataError, match=r"^x: cannot be read as Parquet"):
            list(source(CSV, name="parquet").read(io.BytesIO(content), name="x"))


def test_parallel_files_are_read_without_their_labels(tmp_path: Path) -> None:
    (tmp_path / "seq.in").write_text("a b\nc\n", encoding="utf-8")
    choice = InputChoice(path=tmp_path, reader=CONLL, needed=("tokens",))
    (chunk,) = choice.format("lines").read(io.BytesIO(), name="f")
    assert [record["tokens"] for record in chunk.records] == [["a", "b"], ["c"]]
    assert chunk.numbers == [1, 2]


def test_standard_input_is_read_by_the_reader_that_wraps_that_of_its_format() -> None:
    reader = reader_of("conllu_characters")
    source = InputChoice(path=None, reader=reader, needed=("tokens",)).format("conllu")
    line = "1\tHi\t_\tX\t_\t_\t0\troot\t_\t_\n"
    (chunk,) = source.read(io.BytesIO(line.encode()), name="<stdin>")
    assert [record["tokens"] for record in chunk.records] == [["H", "i"]]
    assert chunk.numbers == [1]
    with pytest.raises(DataError, match=r"^<stdin>:2: 1 tab-separated column\(s\)"):
        list(source.read(io.BytesIO(f"{line}x\n".encode()), name="<stdin>"))


def test_names_of_formats_are_checked() -> None:
    check_name("text")
    check_name("pairs")
    with pytest.raises(
        ConfigError, match=r"--format is 'terminal'; expected one of text, conll, .*; --to sets the format of the"
    ):
        check_name("terminal")
    with pytest.raises(ConfigError, match="the format lines is read from a file or folder, not from standard input"):
        InputChoice(path=None, reader={}, needed=()).format("lines")


@pytest.mark.parametrize("text", [f"{'x' * 9_000},b\n1,2\n", f"text,{'x' * 9_000}\n1\n"])
def test_messages_shorten_the_names_of_columns(text: str) -> None:
    with pytest.raises(DataError, match=r"x \[…\] x") as caught:
        chunks_of(source({}), text)
    assert len(str(caught.value)) < 500


def test_a_table_of_frames_is_read_as_in_training_and_without_its_tags(tmp_path: Path) -> None:
    reader = {**reader_of("frames"), "frame_columns": ["rain"]}
    for path, name in ((None, "csv"), (tmp_path / "f.csv", "csv"), (tmp_path / "f.csv", "frames")):
        (tmp_path / "f.csv").write_text("tag,rain\n,1\n,2\n\nx,3\n", encoding="utf-8")
        choice = InputChoice(path=path, reader=reader, needed=["frames"]).format(name)
        (chunk,) = choice.read(io.BytesIO((tmp_path / "f.csv").read_bytes()), name="f")
        assert [record["frames"] for record in chunk.records] == [[[1.0], [2.0]], [[3.0]]]
        assert chunk.numbers == [2, 5]


def test_parquet_gives_frames(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"x": [[[1.0, 2.0]], []], "tags": [["A"], []]}), tmp_path / "x")
    reader = reader_of("parquet")
    for settings, columns in (({"frames_column": "x"}, None), ({}, "frames=x")):
        choice = source({**reader, **settings}, name="parquet", columns=columns, needed=["frames"])
        (chunk,) = choice.read(io.BytesIO((tmp_path / "x").read_bytes()), name="x")
        assert chunk.records == [{"frames": [[1.0, 2.0]]}, {"frames": []}]
