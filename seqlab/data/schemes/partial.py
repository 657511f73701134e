"""Tags of partially annotated records, which leave open which tag is right."""

from collections.abc import Callable, Sequence
from itertools import chain

from seqlab.data.schemes.tags import split_tag

UNANNOTATED = "_"
"""Marks a step that nobody has annotated; the default of `head=[crf_partial]`."""
SEPARATOR = "|"
"""Separates the possible tags of a step, as in ``B-PER|B-ORG``; the default of `head=[crf_partial]`."""


def readings(tag: str, *, unannotated: str, separator: str) -> list[str]:
    """Return the distinct tags that a step may have; empty if it is not annotated."""
    return [] if tag == unannotated else list(dict.fromkeys(tag.split(separator)))


def open_tags(rows: Sequence[Sequence[str]], readings_of: Callable[[str], list[str]]) -> set[str]:
    """Return the tags in `rows` that leave open which tag is right."""
    return {tag for tag in set(chain.from_iterable(rows)) if readings_of(tag) != [tag]}


def names_several(tag: str) -> bool:
    """Return whether `tag` lists several tags, all with the form of span tags."""
    parts = tag.split(SEPARATOR)
    return len(parts) > 1 and all(split_tag(part)[0] != "?" for part in parts)
