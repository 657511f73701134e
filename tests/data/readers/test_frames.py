from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Fault
from seqlab.errors import ConfigError, DataError

Open = Callable[..., Reader]
WEATHER = "date,rain,wind,tag\nmon,0.5,2,wet\ntue,0,3e1, dry \n\nwed,1,4,wet\n,,,\n\n"


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_frames_reads_a_row_per_step(open_reader: Open, tmp_path: Path) -> None:
    reader = open_reader("frames", frame_columns=["wind", "rain"])
    path = write(tmp_path / "x.csv", WEATHER)

    assert reader.read(path).to_list() == [
        {"id": "x-1", "line": 2, "frames": [[2.0, 0.5], [30.0, 0.0]], "tags": ["wet", "dry"]},
        {"id": "x-2", "line": 5, "frames": [[4.0, 1.0]], "tags": ["wet"]},
    ]
    assert reader.unread(path) == ["column 'date'"]


def test_frames_needs_neither_tags_nor_a_header(open_reader: Open, tmp_path: Path) -> None:
    settings = {"frame_columns": ["a"], "tag_column": None, "column_names": ["a", "b"]}

    records = open_reader("frames", **settings).read(write(tmp_path / "x.txt", "1;x\n\n2;y\n"))

    assert records.column_names == ["id", "line", "frames"]
    assert records["frames"][:] == [[[1.0]], [[2.0]]]


def test_frames_takes_the_sequences_from_a_column(open_reader: Open, tmp_path: Path) -> None:
    text = "city\train\ttag\nOslo\t1\ta\n\nOslo\t2\tb\nRome\t3\ta\n"
    reader = open_reader("frames", frame_columns=["rain"], sequence_column="city")

    records = reader.read(write(tmp_path / "x.tsv", text))

    assert records["id"][:] == ["Oslo", "Rome"]
    assert records["tags"][:] == [["a", "b"], ["a"]]
    with pytest.raises(DataError, match=r"y.tsv:6: city is 'Oslo', as in rows before other sequences; .* sort the file"):
        reader.read(write(tmp_path / "y.tsv", f"{text}Oslo\t4\ta\n"))


def test_frames_reads_parquet(open_reader: Open, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pa.table({"n": [1, 1, 2], "rain": [0.1, 2.0, None], "tag": ["a", "b", "a"]}), path)
    reader = open_reader("frames", frame_columns=["rain"], sequence_column="n")
    faults: list[Fault] = []

    records = reader.read(path, report=faults.append)

    assert (records["id"][:], records["frames"][:], records["tags"][:]) == (["1"], [[[0.1], [2.0]]], [["a", "b"]])
    assert list(map(str, faults)) == [f"{path}:3: rain is ''; expected a number"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("mon,x,2,wet", "x.csv:6: rain is 'x'; expected a number"),
        ("mon,nan,2,wet", "x.csv:6: rain is 'nan'; expected a number"),
        ("mon,1_0,2,wet", "x.csv:6: rain is '1_0'; expected a number"),
        ('mon,"21,5",2,wet', "x.csv:6: rain is '21,5'; expected a number"),
        ("mon,1,,wet", "x.csv:6: wind is ''; expected a number"),
        ("mon,1,2, ", "x.csv:6: tag is empty; expected a tag in each row, or set data.reader.tag_column=null"),
        ("mon,1,2", r"x.csv:6: 3 column\(s\); expected 4"),
    ],
)
def test_frames_refuses_rows_by_path_and_line(open_reader: Open, tmp_path: Path, row: str, message: str) -> None:
    path = write(tmp_path / "x.csv", "date,rain,wind,tag\nmon,1,2,wet\n\nmon,1,2,wet\n\n" + row + "\n")
    reader = open_reader("frames", frame_columns=["rain", "wind"])
    with pytest.raises(DataError, match=message):
        reader.read(path)

    assert len(reader.read(path, report=list[Fault]().append)) == 2


@pytest.mark.parametrize(("setting", "value"), [("frame_columns", ["snow"]), ("tag_column", "sky"), ("sequence_column", "n")])
def test_frames_refuses_columns_that_are_missing(open_reader: Open, tmp_path: Path, setting: str, value: object) -> None:
    reader = open_reader("frames", **({"frame_columns": ["rain"]} | {setting: value}))
    with pytest.raises(DataError, match=rf"x.csv:1: no column '.*' among \['date', .*; set data.reader.{setting}"):
        reader.read(write(tmp_path / "x.csv", WEATHER))


@pytest.mark.parametrize("columns", [[], "rain"])
def test_frames_refuses_settings(open_reader: Open, columns: object) -> None:
    with pytest.raises(ConfigError, match=r"frame_columns is .*; expected a list of columns of numbers"):
        open_reader("frames", frame_columns=columns)


def test_frames_checks_the_scheme(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "rain,tag\n1,B-X\n2,I-Y\n")
    with pytest.raises(DataError, match=r"x.csv:3: .*'I-Y'"):
        open_reader("frames", frame_columns=["rain"], scheme="BIO").read(path)
