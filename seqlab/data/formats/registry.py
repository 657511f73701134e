"""The formats: their names, which are options of ``conf/data``, their extensions, and their detection."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.config.plugins import providers
from seqlab.data.formats.content import binary_refusal, content_of
from seqlab.errors import ConfigError, DataError

TEXT = "text"
"""The format of raw text: one record per line, for inputs without labels."""
_OF_PLUGINS = {"trees": "seqlab-recnn"}
"""Formats that are options of plugins -> the plugin."""
_SUFFIXES = {
    **dict.fromkeys((".txt", ".text", ".md"), TEXT),
    **dict.fromkeys((".conll", ".bio", ".iob", ".iob2", ".bioes", ".bilou", ".conll03", ".testa", ".testb"), "conll"),
    **dict.fromkeys((".conllu",), "conllu"),
    **dict.fromkeys((".jsonl", ".ndjson", ".jsonlines"), "jsonl"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".ptb", ".mrg", ".trees"), "trees"),
    ".spacy": "spacy",
}
_AMBIGUOUS = (".tsv",)
"""Extensions of tables as well as of columns of tokens: the content decides."""
ANNOTATIONS = ("label_studio", "doccano", "prodigy", "brat", "spacy", "spacy_json", "offsets_csv")
"""Formats of annotation tools."""
FORMATS = ("conll", "conllu", "jsonl", "lines", "csv", "parquet", "frames", "trees", *ANNOTATIONS)
"""Formats of labelled data."""
INPUT_FORMATS = (TEXT, *FORMATS)
"""Formats of inputs to label."""
HEAD_BYTES = 1 << 16
"""Bytes of a file that its detection reads."""


class Detected(NamedTuple):
    """A detected format; `is_by_content` if the extension did not say it."""

    format: str
    is_by_content: bool


def detect(head: bytes, *, name: str, suffix: str, formats: tuple[str, ...] = INPUT_FORMATS) -> Detected:
    """Return the format of a file or stream by its first bytes and extension.

    Content that is unmistakable comes first, then the extension; other content decides where the extension says nothing.

    Args:
        head: The first bytes.
        name: The name in messages.
        suffix: The extension; empty for a stream.
        formats: The formats to choose from: `INPUT_FORMATS`, or `FORMATS` for labelled data.

    Raises:
        DataError: the content is something else, or its format is not known.
    """
    said = TEXT if not suffix else _SUFFIXES.get(suffix.lower())
    is_weak = said in (None, TEXT) or suffix.lower() in _AMBIGUOUS
    is_prose_likely = said == TEXT and TEXT in formats
    found = content_of(head, is_prose_likely=is_prose_likely, may_be_table=is_weak)
    if found.refusal is not None:
        raise DataError(f"{name}: {found.refusal}")
    # A .txt file may hold anything, but a .csv file that happens to look like columns of tags is still a table.
    if found.format is not None and (found.is_certain or is_weak):
        return Detected(found.format, is_by_content=found.format != said)
    if said is not None and said in formats:
        return Detected(said, is_by_content=False)
    raise DataError(f"{name}: format not recognised; give one with --format ({', '.join(formats)})")


def check_readable(head: bytes, *, name: str) -> None:
    """Raise DataError if `head`, the first bytes of `name`, is binary data that no format of text reads."""
    if (refusal := binary_refusal(head)) is not None:
        raise DataError(f"{name}: {refusal}")


def format_of(path: Path) -> str:
    """Return the format of labelled data: that of a folder by the files in it; for a file, see `detect`.

    Raises:
        DataError: the file does not exist, or its format is not known.
    """
    if path.is_dir():
        if (path / "seq.in").exists():
            return "lines"
        if any(path.glob("*.ann")):
            return "brat"
        what = "a folder without seq.in and without .ann files"
        raise DataError(f"{path}: {what}; give single files, a folder of parallel files, or one of BRAT")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    if not head:
        raise DataError(f"{path}: empty; expected records")
    return detect(head, name=str(path), suffix=path.suffix, formats=FORMATS).format


def format_by_suffix(path: Path) -> str | None:
    """Return the format of labelled data for the extension of `path`; None if the extension says none."""
    said = _SUFFIXES.get(path.suffix.lower())
    return None if said == TEXT else said


def format_by_content(path: Path) -> str | None:
    """Return the format that the content of a file shows beyond doubt; None if it shows none."""
    with path.open("rb") as file:
        found = content_of(file.read(HEAD_BYTES), is_prose_likely=True)
    return found.format if found.is_certain else None


def reader_of(name: str) -> Mapping[str, Any]:
    """Return the settings of the reader in option `name` of ``conf/data``, of seqlab or a plugin.

    Raises:
        ConfigError: there is no such option, or it reads no files.
    """
    contents = (provider.contents.get(f"data/{name}") for provider in providers())
    found = next((content for content in contents if content is not None), None)
    if found is None and name in _OF_PLUGINS:
        raise ConfigError(f"format is {name!r}, which plugin {_OF_PLUGINS[name]} reads; install it")
    if found is None or "reader" not in found or found.get("dir", "") is None:
        raise ConfigError(f"format is {name!r}; expected one of {', '.join(FORMATS)}")
    reader: Mapping[str, Any] = found["reader"]
    return reader


def is_read_as(name: str, *, format_name: str | None) -> bool:
    """Return whether files of format `name` are those that the reader of `format_name` reads."""
    # tables with a row per step look like other tables
    return name == format_name or (format_name == "frames" and name in ("csv", "parquet"))


def format_of_reader(reader: Mapping[str, Any]) -> str | None:
    """Return the format whose option has the same reader class, and tool, as the settings `reader`; None if there is none."""
    options = {name: content for provider in providers() for name, content in provider.contents.items()}
    readers = {name: options.get(f"data/{name}", {}).get("reader", {}) for name in FORMATS}
    same = (name for name, one in readers.items() if all(one.get(key) == reader.get(key) for key in ("_target_", "tool")))
    return next(same, None) if reader.get("_target_") else None
