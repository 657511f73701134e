"""SVG elements that charts are made of."""

from collections.abc import Iterable, Sequence

from seqlab.report.document.text import escaped

CHARACTER = 7.0
"""Approximate width of a character at 12 pixels."""


def svg(parts: Iterable[str], *, width: float, height: float, label: str, is_fluid: bool = False) -> str:
    """Return a picture with a label for screen readers; fluid: as wide as the page allows, otherwise in its own size."""
    size = "" if is_fluid else f' width="{width:.0f}" height="{height:.0f}"'
    kind = "fluid" if is_fluid else "fixed"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="chart {kind}" role="img" aria-label="{escaped(label)}"'
    return f'{head} viewBox="0 0 {width:.0f} {height:.0f}"{size}>{"".join(parts)}</svg>'


def text(x: float, y: float, content: str, *, anchor: str = "start", classes: str, turned: float | None = None) -> str:
    """Return text with its baseline at `y`, rotated about its start by `turned` degrees."""
    turn = "" if turned is None else f' transform="rotate({turned:.0f} {x:.1f} {y:.1f})"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{classes}"{turn}>{escaped(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, *, classes: str = "grid") -> str:
    """Return a straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{classes}"/>'


def rect(
    x: float, y: float, width: float, height: float, *, classes: str, opacity: float | None = None, title: str = ""
) -> str:
    """Return a box; `title` is its tooltip."""
    shade = "" if opacity is None else f' fill-opacity="{opacity:.2f}"'
    end = f"><title>{escaped(title)}</title></rect>" if title else "/>"
    # Browsers reject negative sizes, which a very narrow box would have after its margins.
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}"'
    return f'<rect {place} class="{classes}"{shade}{end}'


def dot(x: float, y: float, *, classes: str, title: str = "", radius: float = 3.5) -> str:
    """Return a point."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{classes}"><title>{escaped(title)}</title></circle>'


def path(points: Sequence[tuple[float, float]], *, classes: str, title: str, shade: float | None = None) -> str:
    """Return a line through points; `shade` from 0 to 1 mixes the colours for worst and best."""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    colour = "" if shade is None else f' style="--shade:{100 * shade:.0f}%"'
    return f'<polyline points="{places}" class="{classes}"{colour}><title>{escaped(title)}</title></polyline>'


def cut(content: str, n_characters: int) -> str:
    """Return `content`, cut to `n_characters` with an ellipsis at the end."""
    return content if len(content) <= n_characters else f"{content[: n_characters - 1]}…"
