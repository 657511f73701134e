"""Write a report in a given format."""

from seqlab.report.document.as_html import as_html
from seqlab.report.document.as_json import as_json
from seqlab.report.document.as_markdown import as_markdown
from seqlab.report.document.model import Document

_WRITERS = {"html": as_html, "markdown": as_markdown, "json": as_json}


def written(document: Document, kind: str) -> str:
    """Return the report as `html`, `markdown` or `json`."""
    return _WRITERS[kind](document)
