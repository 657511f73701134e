"""Read the JSON files of a run folder."""

import json
from pathlib import Path
from typing import Any

from seqlab.errors import DataError


def read_object(path: Path, *, expected: str, version: int | str | None = None) -> dict[str, Any]:
    """Return the JSON object in a file; `expected` describes it in messages, and `version` is its `format`, if it has one.

    Raises: DataError if the file is missing or damaged, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} does not exist; expected {expected}") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON ({error.msg})") from error
    # A ValueError like a JSON error, but without a line.
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; expected {expected}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}; expected {expected}")
    if version is not None and (found := content.get("format")) != version:
        hint = f"update seqlab, or choose {expected}"
        raise DataError(f"{path}: format is {found!r}; this seqlab reads format {version!r}; {hint}")
    return content
