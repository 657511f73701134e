import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from seqlab.data.readers.source import Fault, Source, is_blank, refuse, split_spaces
from seqlab.errors import DataError


def lines_of(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return Source(path, report=refuse).lines()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\n", ["a", ""]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\rb\n", ["a\rb"]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        ("a\n\ufeffb\ufeff\n".encode(), ["a", "\ufeffb\ufeff"]),
        ("a\u2028b\u0085c\u00a0d\x0be\x1cf\n".encode(), ["a\u2028b\u0085c\u00a0d\x0be\x1cf"]),
    ],
    ids=[
        "empty",
        "no final newline",
        "newline",
        "blank line",
        "crlf",
        "lone cr",
        "mark",
        "marks inside",
        "unicode spaces",
    ],
)
def test_source_cuts_lines_at_newlines_only(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    assert lines_of(tmp_path / "x", content) == expected


def test_source_names_line_and_offset_of_undecodable_bytes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x:2: byte 0xe9 at offset 6 is not UTF-8"):
        lines_of(tmp_path / "x", "abc\nde\xe9\n".encode("latin-1"))


def test_source_reports_each_undecodable_line_and_reads_on(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a\xff\nb\n\xfe\nc\n")
    faults: list[Fault] = []

    assert Source(tmp_path / "x", report=faults.append).lines() == ["a\ufffd", "b", "\ufffd", "c"]
    assert [fault.line for fault in faults] == [1, 3]


@pytest.mark.parametrize("name", ["missing", "."])
def test_source_refuses_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"cannot be read: .* check the path"):
        Source(tmp_path / name, report=refuse).lines()


def test_is_blank_counts_only_spaces_and_tabs() -> None:
    assert is_blank(" \t ")
    assert not is_blank("\u00a0")
    assert not is_blank("\u200b")


def test_split_spaces_cuts_runs_of_spaces_only() -> None:
    assert split_spaces("  a\u00a0b   c\td ") == ["a\u00a0b", "c\td"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("Ada O\n".encode("utf-16"), "is UTF-16 text, .*iconv -f utf-16"),
        ("Ada O\n".encode("utf-16-le"), "is UTF-16 text"),
        ("Ada O\n".encode("utf-16-be"), "is UTF-16 text"),
        ("Ada O\n".encode("utf-32"), "is UTF-32 text, .*iconv -f utf-32"),
        (gzip.compress(b"Ada O\n", mtime=0), "is a gzip file, not text; unpack it"),
        (bz2.compress(b"Ada O\n"), "is a bzip2 file, not text; unpack it"),
        (lzma.compress(b"Ada O\n"), "is an xz file, not text; unpack it"),
        (b"PK\x03\x04rest", "is a zip archive"),
    ],
)
def test_files_that_are_not_utf8_are_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DataError, match=f"x: {message}"):
        Source(tmp_path / "x").lines()


@pytest.mark.parametrize("text", ["", "a", "BZh is a word\n", "PK\n", "a\0\n", "\u00e9\n"])
def test_text_is_not_taken_for_another_format(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text, encoding="utf-8")
    assert Source(tmp_path / "x").lines() == text.splitlines()


def test_carriage_returns_end_lines_only_without_newlines(tmp_path: Path) -> None:
    for data, lines in ((b"a\rb\r\rc\r", ["a", "b", "", "c"]), (b"a\rb\nc", ["a\rb", "c"]), (b"a\r\nb", ["a", "b"])):
        (tmp_path / "x").write_bytes(data)
        assert Source(tmp_path / "x").lines() == lines
