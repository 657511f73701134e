"""The span scheme that tags have in the data, where reading converts them to another."""

from collections.abc import Mapping
from typing import Any

from seqlab.data.schemes import SCHEME_NAMES, Scheme, get_scheme

_CONVERTED = "tags"
"""The column that readers convert."""


def data_scheme(data: Mapping[str, Any], *, head: str, column: str) -> Scheme | None:
    """Return the scheme of the data in which `head` reads `column`; None if readers convert nothing, or the sets differ.

    Args:
        data: The data config.
        head: Name of the head.
        column: Column with its tags.
    """
    found = set()
    for node in (data.get("sets") or {"": data}).values():
        reader, columns = node.get("reader") or {}, node.get("columns") or {}
        if head in (node.get("heads") or [head]) and columns.get(column, column) == _CONVERTED:
            found.add(reader.get("scheme") if reader.get("target_scheme") else None)
    name = found.pop() if len(found) == 1 else None
    return get_scheme(name) if name in SCHEME_NAMES else None
