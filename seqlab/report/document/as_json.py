"""Write a report as JSON, with every value unrounded."""

import dataclasses
import json
import math
from typing import Any

from seqlab.report.document.model import Document


def as_json(document: Document) -> str:
    """Return the report as one JSON object; `kind` names the class of each block and chart.

    The output is ASCII, so that lone surrogates in tokens survive. Numbers that are not finite become null.
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
