from collections.abc import Callable
from pathlib import Path

import pytest

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Fault
from seqlab.errors import ConfigError, DataError

Open = Callable[..., Reader]


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_bytes(text.encode())
    return folder


def test_lines_reads_parallel_files(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path, seq_in="play  jazz \n\nhi\u00a0you\n", seq_out=" O B-genre\n\nO", label="Play music \nNone\nHi")

    assert [{**record, "id": None} for record in open_reader("lines").read(path)] == [
        {"id": None, "line": 1, "tokens": ["play", "jazz"], "tags": ["O", "B-genre"], "label": "Play music"},
        {"id": None, "line": 2, "tokens": [], "tags": [], "label": "None"},
        {"id": None, "line": 3, "tokens": ["hi\u00a0you"], "tags": ["O"], "label": "Hi"},
    ]


def test_lines_cuts_several_labels(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path, seq_in="a\nb\n", seq_out="O\nO\n", label="x#y\nz\n")

    assert open_reader("lines", label_separator="#").read(path)["label"][:] == [["x", "y"], ["z"]]


def test_lines_converts_schemes(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path, seq_in="a b\n", seq_out="B-x I-x\n", label="l\n")

    assert open_reader("lines", scheme="BIO", target_scheme="BILOU").read(path)["tags"][:] == [["B-x", "L-x"]]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"seq_out": "O\n"}, r"seq.out:2: tags ends after 1 lines, .*seq.in after 2"),
        ({"label": "l\nl\nl\n"}, r"label:3: label ends after 3 lines"),
        ({"seq_out": "O\nO O\n"}, r"seq.out:2: 2 tags for 1 tokens"),
        ({"label": "\nl\n"}, "label:1: label is empty"),
        ({"seq_out": "O\nI-x\n"}, "seq.out:2: tag 'I-x' breaks BIO"),
        ({"seq_in": "", "seq_out": "", "label": ""}, "seq.in:1: the file holds no records"),
    ],
    ids=["short", "long", "tags", "label", "scheme", "empty"],
)
def test_lines_refuses_by_path_and_line(open_reader: Open, tmp_path: Path, files: dict[str, str], message: str) -> None:
    path = write(tmp_path, **({"seq_in": "a\nb\n", "seq_out": "O\nO\n", "label": "l\nl\n"} | files))
    with pytest.raises(DataError, match=message):
        open_reader("lines", scheme="BIO").read(path)


def test_lines_refuses_missing_files_and_settings(open_reader: Open, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"seq.in: cannot be read"):
        open_reader("lines").read(tmp_path)
    with pytest.raises(ConfigError, match="expected a file for tokens"):
        open_reader("lines", files={"label": "label"})


def test_lines_reports_all_faults(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path, seq_in="a b\nb\nc\n", seq_out="O\nO\nO O\n", label="l\nl\nl\n")
    faults: list[Fault] = []

    records = open_reader("lines").read(path, report=faults.append)

    assert [fault.line for fault in faults] == [1, 3]
    assert records["tokens"][:] == [["b"]]


@pytest.mark.parametrize(
    ("split", "counts"),
    [pytest.param("train", (13084, 117700), marks=pytest.mark.slow), ("dev", (700, 6384)), ("test", (700, 6354))],
)
def test_lines_reads_snips(open_reader: Open, corpora: Path, split: str, counts: tuple[int, int]) -> None:
    records = open_reader("lines").read(corpora / "snips" / "tokenised" / split)

    assert (len(records), sum(map(len, records["tags"]))) == counts
    assert len(set(records["label"])) == 7
