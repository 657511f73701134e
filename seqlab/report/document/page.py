"""Style and script of a report's page: `page.css` and `page.js` beside this file."""

from pathlib import Path

_FOLDER = Path(__file__).parent
STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
SORTING = (_FOLDER / "page.js").read_text(encoding="utf-8")
"""Sorts tables by the column whose heading is pressed; the page can be read without."""
