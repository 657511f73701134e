"""Write a report as one self-contained HTML file, by the template `page.html.jinja`."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqlab.report.charts import FLUID
from seqlab.report.document.markup import marked_line
from seqlab.report.document.model import Document, Figure, Paragraph, Picture, Table
from seqlab.report.document.text import escaped, shown


def _finished(value: object) -> Markup:
    """Escape a value, and make its invisible characters visible."""
    # Markup comes from macros and from drawings, which are escaped already.
    return value if isinstance(value, Markup) else Markup(escaped(str(value)))


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    finalize=_finished,
    # A mistyped name in the template fails, where jinja would print nothing by default.
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters |= {"shown": shown, "marked": lambda line: Markup(marked_line(line))}
_KINDS = {"paragraph": Paragraph, "table": Table, "figure": Figure, "picture": Picture, "fluid": FLUID}
_TEMPLATES.tests |= {name: lambda value, kind=kind: isinstance(value, kind) for name, kind in _KINDS.items()}


def as_html(document: Document) -> str:
    """Return the report as an HTML page."""
    return _TEMPLATES.get_template("page.html.jinja").render(document=document)
