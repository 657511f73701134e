"""Walks over nested mappings of plain values, such as configs and scores."""

from collections.abc import Iterator, Mapping
from typing import Any


def walk(node: object, path: str = "", *, separator: str = ".", with_lists: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield `node` and everything in its mappings, outermost first, each with its path: `path` and the keys on the way.

    `with_lists` goes into lists as well, where positions serve as keys.
    """
    yield path, node
    children = enumerate(node) if with_lists and isinstance(node, list) else node.items() if isinstance(node, Mapping) else ()
    for key, child in children:
        yield from walk(child, f"{path}{separator}{key}" if path else str(key), separator=separator, with_lists=with_lists)


def leaves(node: object, path: str = "", *, separator: str = ".") -> Iterator[tuple[str, Any]]:
    """Yield what is no mapping, and empty mappings, with their paths."""
    nodes = walk(node, path, separator=separator)
    return ((place, value) for place, value in nodes if not isinstance(value, Mapping) or not value)


def parts(node: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping that describes an object, with its path: those that have a `_target_`, at any depth."""
    for path, found in walk(node, with_lists=True):
        if isinstance(found, Mapping) and isinstance(found.get("_target_"), str):
            yield path, found


def targets_in(node: object) -> Iterator[str]:
    """Yield every `_target_` in a config of plain values, at any depth."""
    return (found["_target_"] for _, found in parts(node))
