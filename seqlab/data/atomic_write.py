"""Atomic writes: a file is complete, or as it was before. JSON is strict: it has no NaN and no infinity."""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters and line separators that JSON does not escape, and surrogates, which UTF-8 does not have."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it replaces `path`, on failure it is removed."""
    # in the same folder: a rename is atomic within one file system only
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        with unfinished.open("r+b") as file:
            os.fsync(file.fileno())  # or a power cut may keep the new name and lose the content
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    """Write `content` as indented JSON, atomically."""
    with replacing(path) as unfinished:
        unfinished.write_text(to_json(content, indent=2) + "\n", encoding="utf-8")


def to_json(content: object, *, indent: int | None = None) -> str:
    """Return `content` as JSON, with null for numbers that JSON does not have, and escapes for all that is not printable."""
    try:
        dumped = json.dumps(content, ensure_ascii=False, indent=indent, allow_nan=False)
    except ValueError:  # seldom, so that the usual content is walked once only
        dumped = json.dumps(finite(content), ensure_ascii=False, indent=indent, allow_nan=False)
    # Only in strings, where JSON has an escape for them.
    # The check is cheap, and nearly all content needs no replacement.
    return dumped if dumped.isprintable() else _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", dumped)


def finite(content: Any) -> Any:
    """Return `content` with None for numbers that are not finite."""
    if isinstance(content, Mapping):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
