"""Make text from records safe to show: no invisible characters, and none that change the direction of what follows."""

import html

from seqlab.errors import visible


def escaped(text: str) -> str:
    """Return `text` made `visible` and escaped for HTML and SVG, attributes included."""
    return html.escape(visible(text))


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
