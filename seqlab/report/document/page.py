"""The style and script of report pages, from `page.css` and `page.js`."""

from pathlib import Path

_FOLDER = Path(__file__).parent
STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
SORTING = (_FOLDER / "page.js").read_text(encoding="utf-8")
"""Sorts tables when a heading is pressed; pages work without it."""
