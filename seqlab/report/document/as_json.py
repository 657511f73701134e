"""Write a report as JSON, with every value unrounded."""

import json
import math
from typing import Any

from seqlab.report.document.model import Document, Section


def as_json(document: Document) -> str:
    """Return the report as one JSON object; `kind` names the class of each block and chart.

    The output is ASCII, so that lone surrogates in tokens survive. Numbers that are not finite become null.
    """
    return json.dumps(_plain(document), indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    fields = vars(value) if isinstance(value, Section) else value._asdict() if hasattr(value, "_asdict") else None
    if fields is not None:
        # A field `kind`, as columns have, takes the place of the name of the class.
        return {"kind": type(value).__name__.lower()} | {name: _plain(item) for name, item in fields.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    # JSON has no nan, and most readers refuse Python's.
    return None if isinstance(value, float) and not math.isfinite(value) else value
