from collections.abc import Callable
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet
import pytest

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Fault
from seqlab.errors import ConfigError, DataError

Open = Callable[..., Reader]


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_table_reads_quoted_cells_over_several_lines(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", 'label,note,text\r\npos,1,"So ""good"",\nreally"\r\nneg,2,Bad\r\n')
    reader = open_reader("csv")

    records = reader.read(path)

    assert records["line"][:] == [2, 4]
    assert records["label"][:] == ["pos", "neg"]
    assert records[0]["text"] == 'So "good",\nreally'
    assert records[0]["tokens"] == ["So", '"', "good", '"', ",", "really"]
    assert [records[0]["text"][start:end] for start, end in records[0]["offsets"]] == records[0]["tokens"]
    assert reader.unread(path) == ["column 'note'"]


def test_table_settings(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", 'a;b\tsays "hi\nc\tbye\n')

    records = open_reader("csv", column_names=["label", "text"], quote=None, label_separator=";").read(path)

    assert records["label"][:] == [["a", "b"], ["c"]]
    assert records["text"][:] == ['says "hi', "bye"]
    assert records["line"][:] == [1, 2]
    assert "label" not in open_reader("csv", column_names=["x", "text"], quote=None, label_column=None).read(path).column_names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,text\nx,a,b\n", r"x.csv:2: 3 column\(s\); expected 2"),
        ("label,text\nx,a\ny,\n", "x.csv:3: text is empty"),
        ("label,text\n,a\n", "x.csv:2: label is empty"),
        ('label,text\nx,"a" b\n', "x.csv:2: row cannot be read"),
        ('label,text\nx,a\ny,"b\n\n', "x.csv:3: row cannot be read: unexpected end"),
        ("label,body\nx,a\n", r"x.csv:1: no column 'text' among \['label', 'body'\]; set data.reader.text_column"),
        ("class,text\nx,a\n", "x.csv:1: no column 'label' .* set data.reader.label_column"),
        ("", "x.csv:1: the file holds no records"),
        ("label,text\n", "x.csv:1: the file holds no records"),
    ],
)
def test_table_refuses_by_path_and_line(open_reader: Open, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_reader("csv").read(write(tmp_path / "x.csv", text))


def test_table_reports_all_faults(open_reader: Open, tmp_path: Path) -> None:
    faults: list[Fault] = []
    path = write(tmp_path / "x.csv", 'label,text\nx\ny,b\nz,"c"d\nz,e\n')

    records = open_reader("csv").read(path, report=faults.append)

    assert [fault.line for fault in faults] == [2, 4]
    assert records["text"][:] == ["b", "e"]


def test_table_reads_parquet_with_class_names(open_reader: Open, tmp_path: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    data = datasets.Dataset.from_dict({"text": ["Good one", "Bad"], "label": [1, 0]}, features=features)
    pa.parquet.write_table(data.data.table, tmp_path / "x.parquet")

    records = open_reader("parquet").read(tmp_path / "x.parquet")

    assert records["tokens"][:] == [["Good", "one"], ["Bad"]]
    assert records["label"][:] == ["pos", "neg"]


def test_table_refuses_what_is_no_parquet(open_reader: Open, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x.parquet: cannot be read as Parquet"):
        open_reader("parquet").read(write(tmp_path / "x.parquet", "text,label\n"))
    pa.parquet.write_table(pa.table({"text": ["a", None], "label": ["x", "y"]}), tmp_path / "y.parquet")
    with pytest.raises(DataError, match=r"y.parquet:2: text is empty"):
        open_reader("parquet").read(tmp_path / "y.parquet")


@pytest.mark.parametrize(("name", "value"), [("separator", "||"), ("quote", "''")])
def test_table_refuses_settings(open_reader: Open, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is .*; expected one character"):
        open_reader("csv", **{name: value})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "sep=;\ntext;label\nso good;pos\n"),
        ("x.csv", '"sep=|"\r\ntext|label\r\nso good|pos\r\n'),
        ("x.csv", "text\tlabel\nso good\tpos\n"),
        ("x.csv", "label;text;more\npos;so good;x\n"),
        ("x.tsv", "text,label\nso good,pos\n"),
    ],
)
def test_table_finds_the_separator_by_the_header(open_reader: Open, tmp_path: Path, name: str, text: str) -> None:
    reader, path = open_reader("csv"), write(tmp_path / name, text)

    records = reader.read(path)

    assert (records["text"][:], records["label"][:]) == (["so good"], ["pos"])
    assert records["line"][:] == [text.count("\n")]
    assert reader.unread(path) == (["column 'more'"] if "more" in text else [])


def test_table_keeps_the_usual_separator_where_it_fits(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "text;a,text,label\nx,so; good,pos\n")
    assert open_reader("csv").read(path)["text"][:] == ["so; good"]
    columns = {"column_names": ["text", "label"]}
    assert open_reader("csv", **columns).read(write(tmp_path / "y.csv", "so, good\tpos\n"))["text"][:] == ["so"]
    assert open_reader("csv", **columns).read(write(tmp_path / "z.csv", "so good\tpos\n"))["text"][:] == ["so good"]


def test_table_refuses_parquet_with_bytes_that_are_not_utf_8(open_reader: Open, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pa.table({"text": ["Zoë"], "label": ["a"]}), path, compression="none")
    path.write_bytes(path.read_bytes().replace("Zoë".encode(), b"Zo\xeb "))
    with pytest.raises(DataError, match=r"x.parquet: cannot be read as Parquet: .*codec can't decode"):
        open_reader("parquet").read(path)


@pytest.mark.parametrize("name", ["x.parquet", "x.pq"])
def test_table_reads_parquet_with_frames(open_reader: Open, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    columns = {"frames": [[[0.5, 1.0], [2.0, 3.0]], []], "tags": [["A", "B"], []], "label": ["x", "y"], "more": [1, 2]}
    pyarrow.parquet.write_table(pa.table(columns), path)
    reader = open_reader("parquet")

    assert reader.read(path).to_list() == [
        {"id": "x-1", "line": 1, "frames": [[0.5, 1.0], [2.0, 3.0]], "tags": ["A", "B"], "label": "x"},
        {"id": "x-2", "line": 2, "frames": [], "tags": [], "label": "y"},
    ]
    assert reader.unread(path) == ["column 'more'"]
    # texts come first, as before
    pyarrow.parquet.write_table(pa.table(columns | {"text": ["a", "b"]}), path)
    assert reader.read(path).column_names == ["id", "line", "tokens", "text", "offsets", "label"]


@pytest.mark.parametrize(
    ("frames", "tags", "message"),
    [
        ([[[1.0]], [[1.0, 2.0]]], [["A"], ["A"]], "x.parquet:2: frames of 2 numbers, and 1 in the records before"),
        ([[[1.0]], [[float("nan")]]], [["A"], ["A"]], "x.parquet:2: frame 1 holds nan; expected finite numbers"),
        ([[[1.0]], [[1.0]]], [["A"], ["A", "B"]], "x.parquet:2: 2 tags for 1 frames; expected one per frame"),
        ([[[1.0]], [[1.0]]], [["A"], None], "x.parquet:2: tags is ''; expected a list of strings"),
    ],
)
def test_table_refuses_frames_by_row(open_reader: Open, tmp_path: Path, frames: object, tags: object, message: str) -> None:
    pyarrow.parquet.write_table(pa.table({"frames": frames, "tags": tags}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=message):
        open_reader("parquet").read(tmp_path / "x.parquet")
