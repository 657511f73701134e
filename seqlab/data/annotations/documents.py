"""JSON documents of annotation tools: arrays of objects with their lines, and checked values in them."""

import json
from collections.abc import Iterator
from typing import Any

from seqlab.data.readers.source import Source
from seqlab.data.readers.values import shown
from seqlab.errors import DataError

_KINDS = {str: "text", int: "whole number", bool: "truth value", list: "list", dict: "mapping"}


def objects(source: Source) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line and the value of each object in a JSON array, or in JSON lines; anything else is a fault."""
    text = "\n".join(source.lines())
    decoder, position, line = json.JSONDecoder(), _after(text, 0, "["), 1
    is_array = position > 0
    while (position := _after(text, position, ",")) < len(text) and not (is_array and text[position] == "]"):
        line = 1 + text.count("\n", 0, position)
        try:
            value, position = decoder.raw_decode(text, position)
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair parses, but no file can hold it
        except (ValueError, RecursionError) as error:
            source.fault(line, f"not JSON: {error}; expected an array of objects, or an object a line")
            return
        if isinstance(value, dict):
            yield line, value
        else:
            source.fault(line, f"{shown(value)} is not an object; expected one for each text")


def _after(text: str, position: int, mark: str) -> int:
    """Return the position after white space and one `mark`, if it is there."""
    while position < len(text) and text[position].isspace():
        position += 1
    if text.startswith(mark, position):
        position += 1
        while position < len(text) and text[position].isspace():
            position += 1
    return position


def value_of(node: Any, *path: str | int, expected: type, default: Any = ...) -> Any:
    """Return the value at a path of keys and indices; `default` where there is none, or null.

    Raises:
        DataError: there is no such value and no default, or it has another type.
    """
    found = node
    for key in path:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            found = None
            break
    if found is None and default is not ...:
        return default
    if not isinstance(found, expected) or (expected is int and isinstance(found, bool)):
        name = ".".join(map(str, path))
        raise DataError(f"{name} is {'missing' if found is None else shown(found)}; expected a {_KINDS[expected]}")
    return found
