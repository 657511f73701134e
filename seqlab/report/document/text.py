"""Make text from records safe to show: no invisible characters, and none that change the direction of what follows."""

import html
import unicodedata

_SYMBOLS = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
"""Pictures of control characters."""


def visible(text: str) -> str:
    """Return `text` with control characters as symbols, and direction marks and lone surrogates as code points.

    Newlines and tabs become symbols too, because the text is a token, a label or a name.
    """
    # Almost all tokens are printable, and this check is fast.
    if text.isprintable():
        return text
    return "".join(map(_visible, text.translate(_SYMBOLS)))


def escaped(text: str) -> str:
    """Return `text` made `visible` and escaped for HTML and SVG, attributes included."""
    return html.escape(visible(text))


def _visible(character: str) -> str:
    # Joiners are invisible, but Persian and Indic scripts and emoji need them.
    if character in "\u200c\u200d":
        return character
    # Marks of direction are in category Cf.
    category = unicodedata.category(character)
    return f"[U+{ord(character):04X}]" if category.startswith("C") or category in ("Zl", "Zp") else character


def shown(value: str | int | float | bool | None, kind: str = "text") -> str:
    """Return a value as a table shows it; empty for None."""
    if value is None:
        return ""
    # Before int, whose subclass bool is.
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and kind != "share":
        return f"{value:,}" if kind == "count" else str(value)
    if isinstance(value, int | float):
        return f"{100 * value:.1f} %" if kind == "share" else f"{value:.4g}"
    return visible(value)
