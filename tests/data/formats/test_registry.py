from pathlib import Path

import pytest

from seqlab.data.formats import FORMATS, check_readable, detect, format_by_content, format_of_reader, reader_of
from seqlab.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("suffix", "head", "expected", "is_by_content"),
    [
        ("", b"Ada met Kurt.\n", "text", False),
        (".txt", b"", "text", False),
        ("", b'{"text": "a"}\n', "jsonl", True),
        (".txt", b"Ada B-PER\nmet O\n", "conll", True),
        (".testb", b"Ada NNP B-PER\n", "conll", False),
        (".annotated", b"Ada\tB-PER\n", "conll", True),
        (".tsv", b"Ada\tB-PER\n", "conll", True),
        (".tsv", b"text\tlabel\nso good\tpos\n", "csv", False),
        (".csv", b"Ada,O\n", "csv", False),
        (".conll", b"a,b\nc,d\n", "conll", False),
        (".csv", b'{"text": "a"}\n', "jsonl", True),
        (".mrg", b"( (S (NP it)) )\n", "trees", False),
    ],
)
def test_detect_goes_by_content_then_extension(suffix: str, head: bytes, expected: str, is_by_content: bool) -> None:
    assert detect(head, name="f", suffix=suffix) == (expected, is_by_content)


@pytest.mark.parametrize("suffix", [".foo", ".log", ".json"])
def test_detect_refuses_unknown_formats(suffix: str) -> None:
    with pytest.raises(DataError, match=r"^f: format not recognised; give one with --format \(text, conll, conllu, jsonl"):
        detect(b"Ada met Kurt.\n", name="f", suffix=suffix)
    with pytest.raises(DataError, match=r"^f: format not recognised; give one with --format \(conll, conllu, jsonl"):
        detect(b"Ada met Kurt.\n", name="f", suffix=".txt", formats=FORMATS)


def test_binary_data_is_named_whatever_format_is_asked_for() -> None:
    check_readable(b"PAR1", name="f")
    with pytest.raises(DataError, match=r"^f: gzip-compressed; decompress it"):
        check_readable(b"\x1f\x8b", name="f")


def test_formats_are_options_of_conf_data() -> None:
    for name in set(FORMATS) - {"trees"}:  # an option of a plugin
        assert format_of_reader(reader_of(name)) == ("csv" if name == "parquet" else name)  # both are tables
    with pytest.raises(ConfigError, match="format is 'xml'; expected one of conll"):
        reader_of("xml")
    with pytest.raises(ConfigError, match="format is 'hub'; expected one of conll"):
        reader_of("hub")
    assert format_of_reader({"_target_": "seqlab.data.readers.HubReader"}) is None


def test_only_unmistakable_content_names_a_format(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content, expected in ((b'{"a": 1}\n', "jsonl"), (b"a O\n", None), (b"prose\n", None)):
        path.write_bytes(content)
        assert format_by_content(path) == expected
