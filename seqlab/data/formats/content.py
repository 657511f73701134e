"""Detect the format of a file from its first bytes, or why it cannot be read."""

import json
import re
from typing import NamedTuple

from seqlab.data.formats.layout import is_conll, is_conllu, is_regular_blocks, is_table

_MAGIC = {
    b"\x1f\x8b": "gzip-compressed; decompress it, e.g. with `gzip -dc`",
    b"BZh": "bzip2-compressed; decompress it, e.g. with `bzip2 -dc`",
    b"\xfd7zXZ\x00": "xz-compressed; decompress it, e.g. with `xz -dc`",
    b"\x28\xb5\x2f\xfd": "zstd-compressed; decompress it, e.g. with `zstd -dc`",
    b"PK\x03\x04": "a zip archive (as .xlsx, .docx and .npz are); unpack it, or export the sheet as CSV",
    b"%PDF-": "a PDF document; extract its text, e.g. with `pdftotext`",
    b"ARROW1\x00": "an Arrow file; write it as Parquet",
    b"\x93NUMPY": "a NumPy array; expected text or Parquet",
    b"SQLite format 3\x00": "an SQLite database; export a table as CSV",
    b"\xd0\xcf\x11\xe0": "an old Office document; export it as CSV or text",
    b"\x89PNG": "a PNG image; expected text or Parquet",
    b"\xff\xd8\xff": "a JPEG image; expected text or Parquet",
    b"\xff\xfe": "UTF-16; convert it, e.g. with `iconv -f utf-16 -t utf-8`",
    b"\xfe\xff": "UTF-16; convert it, e.g. with `iconv -f utf-16 -t utf-8`",
    b"{\\rtf": "an RTF document; save it as text",
}
"""First bytes of files that no format reads -> what they are, and what to do."""
_BINARY_SHARE = 0.3
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1b"))
_MARKUP = re.compile(r"<(\?xml|!doctype|html)\b", re.IGNORECASE)
_JSON_OBJECT = re.compile(r'\{\s*("|\}|$)')


class Content(NamedTuple):
    """The format of some content, or why it cannot be read; neither, if nothing is known."""

    format: str | None = None
    is_certain: bool = False
    """Whether the content alone decides, whatever the extension says."""
    refusal: str | None = None


def content_of(head: bytes, *, is_prose_likely: bool, may_be_table: bool = True) -> Content:
    """Return what `head`, the first bytes of a file, holds.

    Args:
        head: The first bytes; may end inside a line or a character.
        is_prose_likely: Whether lines with equally many words may be prose, so that columns need tabs or tags.
        may_be_table: Whether rows with a header may be a table.
    """
    if head.startswith(b"PAR1"):
        return Content("parquet", is_certain=True)
    if refusal := binary_refusal(head):
        return Content(refusal=refusal)
    # the head may end inside a character, so errors are replaced here and reported by the reader
    text = head.decode("utf-8", errors="replace").removeprefix("\ufeff")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    filled = [line for line in lines if line.strip(" \t")]
    if not filled:
        return Content()
    if (tool := _annotation_tool(text)) is not None:
        return Content(tool, is_certain=True)
    if refusal := _markup(filled[0]) or _json_document(text.strip(), filled[0]):
        return Content(refusal=refusal)
    if _JSON_OBJECT.match(filled[0]):
        return Content("jsonl", is_certain=True)
    if is_conllu(filled):
        return Content("conllu", is_certain=True)
    if _is_brackets(text):
        return Content("trees", is_certain=True)
    if is_conll(lines) or (not is_prose_likely and is_regular_blocks(lines)):
        return Content("conll")
    return Content("csv" if may_be_table and is_table(text) else None)


def binary_refusal(head: bytes) -> str | None:
    """Return what binary data is, and what to do with it; None for text, and for Parquet, which may be read."""
    found = next((what for magic, what in _MAGIC.items() if head.startswith(magic)), None)
    if found is not None:
        return found
    # RIFF is a container of several formats; its kind follows at byte 8
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "a WAV recording; `seqlab data` reads text, and data=spoken_digits recordings"
    n_controls = len(head) - len(head.translate(None, _CONTROLS))
    return "binary data; expected text in UTF-8, or Parquet" if n_controls > _BINARY_SHARE * len(head) else None


def _markup(first: str) -> str | None:
    return "XML or HTML; extract its text, or convert it to JSON lines" if _MARKUP.match(first.lstrip()) else None


def _annotation_tool(text: str) -> str | None:
    """Return the annotation tool whose export begins as `text` does, if its keys show it."""
    if re.match(r'\s*\[\s*\[\s*"', text) and '"entities"' in text:
        return "spacy_json"
    if re.match(r"\s*\[\s*\{", text):
        keys = set(re.findall(r'"(\w+)"\s*:', text))
        if {"data", "annotations"} <= keys or {"text", "label", "annotation_id"} <= keys:
            return "label_studio"
        if {"paragraphs", "sentences"} <= keys:
            return "spacy_json"
    return "doccano" if re.match(r"\s*\{", text) and '"start_offset"' in text.partition("\n")[0] else None


def _json_document(text: str, first: str) -> str | None:
    """Return a refusal of JSON that is not one object per line."""
    if text.startswith("["):
        is_array = re.match(r'\[\s*[\[{"]', text) is not None and _parses_to_end(text)
        return "a JSON array; expected one object per line, e.g. from `jq -c '.[]'`" if is_array else None
    if first.strip() != "{" and not (_JSON_OBJECT.match(first) and _continues(first)):
        return None
    is_object = re.match(r'\{\s*["}]', text) is not None and _parses_to_end(text)
    return "JSON over several lines; expected one object per line, e.g. from `jq -c .`" if is_object else None


def _continues(line: str) -> bool:
    """Return whether `line` starts a JSON value that further lines may complete."""
    return line.rstrip().endswith((",", "[", "{", ":"))


def _parses_to_end(text: str) -> bool:
    """Return whether `text` is a JSON value, or the beginning of one."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        # a string that is cut off is reported where it starts
        return error.pos >= len(text) - 1 or error.msg.startswith("Unterminated string")
    except RecursionError:
        return True
    return end == len(text)


def _is_brackets(text: str) -> bool:
    """Return whether all of `text` lies in brackets, some of them nested, as in ``(S (NP she) (VP sleeps))``."""
    if not text.lstrip().startswith("("):
        return False
    depth = deepest = 0
    # the depth at the end may be above 0: the head may end inside a tree
    for match in re.finditer(r"[()]|[^\s()]", text):
        if match[0] == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif depth == 0:
            return False
        elif match[0] == ")":
            depth -= 1
    return deepest > 1
