import pytest

from seqlab.data.formats.content import content_of

CONLLU = b"# text = a\n1\ta" + b"\t_" * 8 + b"\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"PAR1\x00\x01", "parquet"),
        (b'\xef\xbb\xbf{"tokens": ["a"]}\n', "jsonl"),
        (CONLLU, "conllu"),
        (b"(S (NP she) (VP\n  sleeps))\n(S (N rain))\n", "trees"),
        (b"Ada B-PER\nmet O\n\nKurt B-PER\n", "conll"),
        (b"Ada\tNNP\tO\n", "conll"),
        (b"the DT\nold JJ\ncat NN\nsat VBD\n\nthe DT\ndog NN\nsat VBD\nthe DT\n", "conll"),
        (b'text,label\n"a, b",pos\nc,neg\n', "csv"),
        (b"sentence_A\tsentence_B\nA man runs\tHe runs\n", "csv"),
        (b"review;stars\nso good;5\n", "csv"),
        (b"Hello, world\nGood, bye\n", None),
        (b"Hello world\nGood night\n\nBye bye\n", None),
        (b"(laughs) That is funny\n(he said)\n", None),
        (b"(a) (b)\n(c)\n", None),
        (b"[12:30] hello\n", None),
        (b"[1]\nSmith et al.\n", None),
        (b"{laughs} hello\n", None),
        (b"<3 you\n", None),
        (b"BZ is a bank\nPK too\n", None),
        (b"a\x00b\n", None),
        (b"", None),
    ],
)
def test_content_of_shows_a_format(head: bytes, expected: str | None) -> None:
    found = content_of(head, is_prose_likely=True)
    assert (found.format, found.refusal) == (expected, None)


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\x1f\x8b\x08\x00", "gzip-compressed"),
        (b"PK\x03\x04\x00", "a zip archive"),
        (b"BZh91AY&SY", "bzip2-compressed"),
        (b"\xfd7zXZ\x00", "xz-compressed"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "a WAV recording"),
        ("Ada met".encode("utf-16"), "UTF-16"),
        (bytes(range(32)) * 4, "binary data"),
        (b'[{"text": "a"},\n{"text": "b"}]\n', "a JSON array"),
        (b'[{"text": "a"}, {"te', "a JSON array"),
        (b'{\n  "text": "a"\n}\n', "JSON over several lines"),
        (b'{"records": [\n  {"text": "a"}\n]}\n', "JSON over several lines"),
        (b"<!DOCTYPE html>\n<p>a\n", "XML or HTML"),
        (b'<?xml version="1.0"?>\n', "XML or HTML"),
    ],
)
def test_content_of_names_what_no_format_reads(head: bytes, what: str) -> None:
    refusal = content_of(head, is_prose_likely=True).refusal
    assert refusal is not None
    assert refusal.startswith(what)


def test_regular_blocks_are_columns_where_prose_is_unlikely() -> None:
    head = b"hello world\ngood night\n\nbye bye\n"
    assert content_of(head, is_prose_likely=False).format == "conll"
    assert content_of(head, is_prose_likely=True).format is None
