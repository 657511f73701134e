"""Parts of a tag: `O`, a bare prefix (`B`) or `PREFIX-label`; the label may contain hyphens (`B-creative-work`)."""

from seqlab.errors import DataError

PREFIXES = "OBIESLU.?"
"""Prefixes with a meaning in some scheme; `.` is outside in seqeval's default mode, `?` stands for all others."""

NO_LABEL = "_"
"""Label of spans that bare prefixes (`B`, `I`) mark; it is encoded as a bare prefix again."""


def split_tag(tag: str) -> tuple[str, str]:
    """Return prefix and label of `tag`; the prefix is `?` if the tag is malformed (`NOUN`, `O-PER`, `B-`)."""
    if tag == "O":
        return "O", NO_LABEL
    prefix, hyphen, label = tag.partition("-")
    if prefix in {"B", "I", "E", "S", "L", "U"} and bool(hyphen) == bool(label):  # B and B-x, but not B-
        return prefix, label or NO_LABEL
    return "?", tag


def join_tag(prefix: str, label: str) -> str:
    """Return the tag with `prefix` and `label`; the inverse of `split_tag`."""
    return prefix if prefix == "O" or label == NO_LABEL else f"{prefix}-{label}"


def split_tag_lenient(tag: str) -> tuple[str, str]:
    """Split any `tag` as seqeval's default mode does: into the first character and the rest.

    Raises:
        DataError: `tag` is empty.
    """
    if not tag:
        raise DataError("tag is ''; expected O or PREFIX-label; write O for a step outside any span")
    prefix = tag[0] if tag[0] in PREFIXES else "?"
    return prefix, tag[1:].split("-", maxsplit=1)[-1] or NO_LABEL
