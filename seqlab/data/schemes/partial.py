"""Tags that leave open which one is right, as records annotated in part have them: how files spell them, and what they say."""

from collections.abc import Callable, Sequence
from itertools import chain

from seqlab.data.schemes.tags import split_tag

UNANNOTATED = "_"
"""What stands at a step that nobody has annotated, as `head=[crf_partial]` has it."""
SEPARATOR = "|"
"""Between the tags of a step of which one is right, as `head=[crf_partial]` has it: `B-PER|B-ORG`."""


def readings(tag: str, *, unannotated: str, separator: str) -> list[str]:
    """Return the tags that a step may have, each once; none where it is not annotated."""
    return [] if tag == unannotated else list(dict.fromkeys(tag.split(separator)))


def open_tags(rows: Sequence[Sequence[str]], readings_of: Callable[[str], list[str]]) -> set[str]:
    """Return those tags of `rows` that leave open which tag is right."""
    return {tag for tag in set(chain.from_iterable(rows)) if readings_of(tag) != [tag]}


def names_several(tag: str) -> bool:
    """Return whether `tag` is several, each of them of the form of a span tag."""
    parts = tag.split(SEPARATOR)
    return len(parts) > 1 and all(split_tag(part)[0] != "?" for part in parts)
