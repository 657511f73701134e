"""Text of records made fit to be shown: nothing in it is invisible, and nothing turns what stands around it."""

import html
import unicodedata

_PICTURES = 0x2400
_DELETE = 0x7F
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Bidirectional classes of the characters that turn the text after them."""


def visible(text: str) -> str:
    """Return `text` with control characters as pictures, and what turns text or is half of a pair as its number.

    Line ends and tabs are shown as pictures, too: what is shown is a token, a label or a name.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def escaped(text: str) -> str:
    """Return `text` made `visible`, as it stands in HTML or SVG, within an attribute too."""
    return html.escape(visible(text))


def _visible(character: str) -> str:
    code = ord(character)
    if code < ord(" "):
        return chr(_PICTURES + code)
    if code == _DELETE:
        return "\u2421"
    category = unicodedata.category(character)
    if category in ("Cc", "Cs") or unicodedata.bidirectional(character) in _TURNING or category in ("Zl", "Zp"):
        return f"[U+{code:04X}]"
    if category == "Cf" or category == "Cn" or category == "Co":
        return character if character in "\u200c\u200d" else f"[U+{code:04X}]"
    return character


def shown(value: str | int | float | bool | None, kind: str = "text") -> str:
    """Return a value as it stands in a table; "" for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and kind != "share":
        return f"{value:,}" if kind == "count" else str(value)
    if isinstance(value, int | float):
        return f"{100 * value:.1f} %" if kind == "share" else f"{value:.4g}"
    return visible(value)
