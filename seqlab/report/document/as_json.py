"""A report as JSON: every value, as it is."""

import dataclasses
import json
import math
from typing import Any

from seqlab.report.document.model import Document


def as_json(document: Document) -> str:
    """Return the document as one object; blocks and charts have their kind under `kind`.

    Only ASCII, so that half a surrogate pair in a token survives; what is no number is null.
    """
    return json.dumps(_plain(document), indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        content = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__.lower(), **content} if "kind" not in content else content
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
