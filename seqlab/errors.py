"""Exceptions for mistakes that a user can fix, the hint that names what was probably meant, and text that is safe to show."""

import unicodedata
from collections.abc import Collection
from difflib import get_close_matches

# Unicode has pictures of the control characters, in their order, from U+2400.
_SYMBOLS = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
"""Pictures of control characters."""


class SeqlabError(Exception):
    """Base class for errors the user can fix; the message says what is wrong, where, and what to do."""


class DataError(SeqlabError):
    """A file, record or column is malformed; the message starts with ``path:line`` where there is one."""


class ConfigError(SeqlabError, ValueError):
    """A setting or an argument has a value that cannot work; the message names it and the values that would."""


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


def visible(text: str) -> str:
    """Return `text` with control characters as symbols, and direction marks and lone surrogates as code points.

    Newlines and tabs become symbols too, because the text is a token, a label or a name.
    """
    # Almost all tokens are printable, and this check is fast.
    if text.isprintable():
        return text
    return "".join(map(_visible, text.translate(_SYMBOLS)))


def _visible(character: str) -> str:
    # Joiners are invisible, but Persian and Indic scripts and emoji need them.
    if character in "\u200c\u200d":
        return character
    # Marks of direction are in category Cf.
    category = unicodedata.category(character)
    return f"[U+{ord(character):04X}]" if category.startswith("C") or category in ("Zl", "Zp") else character


def shortened(message: str) -> str:
    """Return a message without the middle of what is longer than 400 characters, as messages that quote long values are."""
    return message if len(message) <= 400 else f"{message[:200]} […] {message[-200:]}"
