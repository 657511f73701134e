from collections.abc import Callable
from pathlib import Path

import pytest

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Fault
from seqlab.errors import ConfigError, DataError

Open = Callable[..., Reader]


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_conll_reads_tokens_tags_ids_and_lines(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x.conll", "\n\nAnn\tB-PER\nLee\tI-PER\n\n\nran\tO\n")

    assert open_reader("conll").read(path).to_list() == [
        {"id": "x-1", "line": 3, "tokens": ["Ann", "Lee"], "tags": ["B-PER", "I-PER"]},
        {"id": "x-2", "line": 7, "tokens": ["ran"], "tags": ["O"]},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a\tO\nb\tO\n\nc\tO\n",
        "a\tO\nb\tO\n\nc\tO",
        "a\tO\r\nb\tO\r\n\r\nc\tO\r\n",
        "\ufeffa\tO\nb\tO\n\nc\tO\n",
        "a\tO\nb\tO\n\t\nc\tO\n\t\n",
        "a\tO\nb\tO\n  \nc\tO\n \t\n\n",
        "a O\nb   O\n\nc O  \n",
        "-DOCSTART- O\n\na O\nb O\n-DOCSTART- -X- O O\nc O\n",
    ],
    ids=["plain", "no final newline", "crlf", "mark", "tab line", "space line", "spaces", "docstart"],
)
def test_conll_reads_the_same_from_every_dialect(open_reader: Open, tmp_path: Path, text: str) -> None:
    records = open_reader("conll").read(write(tmp_path / "x", text))

    assert records["tokens"][:] == [["a", "b"], ["c"]]
    assert records["tags"][:] == [["O", "O"], ["O"]]


@pytest.mark.parametrize("token", ["a\u00a0b", "\ufeff", "a\u200b", "\u2028", "a\u0085b", "#tag", "x y"])
def test_conll_keeps_odd_tokens_whole(open_reader: Open, tmp_path: Path, token: str) -> None:
    records = open_reader("conll").read(write(tmp_path / "x", f"first\tO\n{token}\tB-X\n"))

    assert records[0]["tokens"] == ["first", token]


def test_conll_reads_the_chosen_columns(open_reader: Open, tmp_path: Path) -> None:
    reader = open_reader("conll", columns={"tokens": 1, "xpos": 0, "tags": -1})
    record = reader.read(write(tmp_path / "x", "NN Bonn I-NP B-LOC\n"))[0]

    assert (record["tokens"], record["xpos"], record["tags"]) == (["Bonn"], ["NN"], ["B-LOC"])
    assert reader.unread(tmp_path / "x") == ["column 2 of 4"]


def test_conll_separator_and_comments_are_settings(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", "# note\na b|O\n# note\nc|O\n")

    records = open_reader("conll", separator="|", comment_prefix="# ").read(path)

    assert records["tokens"][:] == [["a b", "c"]]


def test_conll_can_keep_docstart_as_a_token(open_reader: Open, tmp_path: Path) -> None:
    records = open_reader("conll", skip_docstart=False).read(write(tmp_path / "x", "-DOCSTART- O\n\na O\n"))

    assert records["tokens"][:] == [["-DOCSTART-"], ["a"]]


def test_conll_converts_schemes(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", "a B-X\nb I-X\nc O\nd B-Y\n")

    assert open_reader("conll", scheme="BIO", target_scheme="BIOES").read(path)["tags"][:] == [["B-X", "E-X", "O", "S-Y"]]
    assert open_reader("conll", scheme="BIO").read(path)["tags"][:] == [["B-X", "I-X", "O", "B-Y"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tO\nb\nc\tO\n", r"x:2: 1 column\(s\); expected 2"),
        ("a\nb\tO\nc\tO\n", r"x:1: 1 column\(s\)"),
        ("a O\nb O\nc d O\n", r"x:3: 3 column\(s\); expected 2"),
        ("a\tO\n\tO\n", r"x:2: tokens \(column 0\) is empty"),
        ("a\tO\nb\t\nc\tO", r"x:2: tags \(column -1\) is empty"),
        ("", "x:1: the file holds no records"),
        ("\n \n", "x:1: the file holds no records"),
    ],
    ids=["too few", "first line", "too many", "no token", "no tag", "empty", "blank"],
)
def test_conll_refuses_by_path_and_line(open_reader: Open, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_reader("conll").read(write(tmp_path / "x", text))


def test_conll_refuses_tags_that_break_the_scheme(open_reader: Open, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x:4: tag 'I-Y' breaks BIO"):
        open_reader("conll", scheme="BIO").read(write(tmp_path / "x", "a B-X\n\nb O\nc I-Y\n"))


def test_conll_refuses_columns_that_the_file_lacks(open_reader: Open, tmp_path: Path) -> None:
    reader = open_reader("conll", columns={"tokens": 0, "tags": 3})
    with pytest.raises(DataError, match=r"x:1: tags is column 3 but lines have 2 column\(s\)"):
        reader.read(write(tmp_path / "x", "a O\n"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": {"tags": 1}}, "expected an index for tokens"),
        ({"separator": ""}, "separator is empty"),
        ({"scheme": "BIOO"}, "scheme is 'BIOO'"),
        ({"target_scheme": "BIOES"}, "target_scheme is 'BIOES' but scheme is null"),
    ],
)
def test_conll_refuses_settings(open_reader: Open, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_reader("conll", **changes)


def test_conll_reports_all_faults_and_keeps_sound_records(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", "a O\n\nb\nc O O\n\nd O\n")
    faults: list[Fault] = []

    records = open_reader("conll").read(path, report=faults.append)

    assert records["tokens"][:] == [["a"], ["d"]]
    assert [fault.line for fault in faults] == [3, 4]


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        pytest.param("wnut17train.conll", (3394, 62730, 1975, 41), marks=pytest.mark.slow),
        ("emerging.dev.conll", (1009, 15733, 836, 82)),
        ("emerging.test.annotated", (1287, 23394, 1079, 105)),
    ],
)
def test_conll_reads_wnut17(open_reader: Open, corpora: Path, file: str, counts: tuple[int, ...]) -> None:
    records = open_reader("conll", scheme="BIO").read(corpora / "wnut17" / file)
    tags = [tag for tags in records["tags"] for tag in tags]
    lengths = [len(tokens) for tokens in records["tokens"]]

    assert (len(records), len(tags), sum(tag[0] == "B" for tag in tags), max(lengths)) == counts
