"""Exceptions for mistakes that a user can fix, and the hint that names what was probably meant."""

from collections.abc import Collection
from difflib import get_close_matches


class SeqlabError(Exception):
    """Base class for errors the user can fix; the message says what is wrong, where, and what to do."""


class DataError(SeqlabError):
    """A file, record or column is malformed; the message starts with ``path:line`` where there is one."""


class ConfigError(SeqlabError):
    """A setting has a value that cannot work; the message names the setting and the values that would."""


class PluginError(SeqlabError):
    """An installed plugin is broken or conflicts with another; the message names its distribution, version and path."""


class BundleError(SeqlabError):
    """A saved model cannot be loaded; the message names the file and what is missing."""


class CheckpointError(SeqlabError):
    """A checkpoint is damaged, or belongs to another model; the message names the file and what differs."""


def did_you_mean(word: str, known: Collection[str], *, prefix: str = "", n: int = 1, cutoff: float = 0.6) -> str:
    """Return `; did you mean NAME?` with the names in `known` that are most like `word`, at most `n`; "" if none is.

    Args:
        prefix: Put before each name, as in `encoder=`.
        cutoff: The least similarity, from 0 (any name) to 1 (equal).
    """
    near = get_close_matches(word, [name for name in known if name != word], n=n, cutoff=cutoff)
    return f"; did you mean {' or '.join(prefix + name for name in near)}?" if near else ""
