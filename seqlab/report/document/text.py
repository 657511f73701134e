"""Make text from records safe to show: no invisible characters, and none that change the direction of what follows."""

import html
import unicodedata

_PICTURES = 0x2400
_DELETE = 0x7F
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Bidirectional classes of characters that change the direction of the text after them."""


def visible(text: str) -> str:
    """Return `text` with control characters as symbols, and direction marks and lone surrogates as code points.

    Newlines and tabs become symbols too, because the text is a token, a label or a name.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def escaped(text: str) -> str:
    """Return `text` made `visible` and escaped for HTML and SVG, attributes included."""
    return html.escape(visible(text))


def _visible(character: str) -> str:
    code = ord(character)
    if code < ord(" "):
        return chr(_PICTURES + code)
    if code == _DELETE:
        return "\u2421"
    # Joiners are invisible, but Persian and Indic scripts and emoji need them.
    if character in "\u200c\u200d":
        return character
    is_hidden = unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
    return f"[U+{code:04X}]" if is_hidden or unicodedata.bidirectional(character) in _TURNING else character


def shown(value: str | int | float | bool | None, kind: str = "text") -> str:
    """Return a value as a table shows it; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and kind != "share":
        return f"{value:,}" if kind == "count" else str(value)
    if isinstance(value, int | float):
        return f"{100 * value:.1f} %" if kind == "share" else f"{value:.4g}"
    return visible(value)
