"""One tag: `O`, a bare prefix (`B`), or `PREFIX-label`; the label may hold hyphens (`B-creative-work`)."""

from seqlab.errors import DataError

PREFIXES = "OBIESLU.?"
"""Prefixes that some scheme gives a meaning; `.` counts as outside in seqeval's default mode, `?` is any other."""

NO_LABEL = "_"
"""Label of the span that bare prefixes (`B`, `I`) mark; it is written back as a bare prefix."""


def split_tag(tag: str) -> tuple[str, str]:
    """Return prefix and label of a well-formed `tag`; the prefix is `?` where `tag` is none (`NOUN`, `O-PER`, `B-`)."""
    if tag == "O":
        return "O", NO_LABEL
    prefix, hyphen, label = tag.partition("-")
    if prefix in {"B", "I", "E", "S", "L", "U"} and bool(hyphen) == bool(label):
        return prefix, label or NO_LABEL
    return "?", tag


def join_tag(prefix: str, label: str) -> str:
    """Return the tag of `prefix` and `label`, the inverse of `split_tag`."""
    return prefix if prefix == "O" or label == NO_LABEL else f"{prefix}-{label}"


def split_tag_lenient(tag: str) -> tuple[str, str]:
    """Return prefix and label of any `tag` as seqeval's default mode splits it: the first character, and what follows.

    Raises:
        DataError: `tag` is empty.
    """
    if not tag:
        raise DataError("tag is ''; expected O or PREFIX-label; write O for a step outside any span")
    prefix = tag[0] if tag[0] in PREFIXES else "?"
    return prefix, tag[1:].split("-", maxsplit=1)[-1] or NO_LABEL
