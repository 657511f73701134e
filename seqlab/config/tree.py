"""Nested mappings, as configs and scores are, made flat."""

from collections.abc import Iterator, Mapping
from typing import Any


def leaves(node: object, path: str = "", *, separator: str = ".") -> Iterator[tuple[str, Any]]:
    """Yield what is in nested mappings, by the keys on the way there from `path` on; an empty mapping is there itself."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from leaves(value, f"{path}{separator}{key}" if path else str(key), separator=separator)
    else:
        yield path, node
