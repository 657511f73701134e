"""Draw predicted labels over the steps of a record."""

from seqlab.report.document.charts import Strip
from seqlab.report.drawing.canvas import line, rect, svg, text

_MIN_STEP, _MAX_STEP, _WIDEST = 3.0, 30.0, 900.0
_ROW, _PAD = 26, 8


def draw_strip(chart: Strip) -> str:
    """Return the labels above the steps, fainter when less confident; narrow labels alternate between two rows."""
    n_steps = max([len(chart.steps), *(end for _, end in chart.places), 1])
    longest = max((len(label) for label in chart.labels), default=1)
    has_names = any(chart.steps)
    # Steps with names need room for the longest; others share the width of the picture.
    step = max(22.0, 8.0 * max(map(len, chart.steps))) if has_names else min(_MAX_STEP, max(_MIN_STEP, _WIDEST / n_steps))
    is_narrow = longest * 7.5 > step * 1.5
    parts = []
    boxes = zip(chart.labels, chart.places, chart.sure, chart.is_right, strict=True)
    for i, (label, (start, end), confidence, right) in enumerate(boxes):
        row = _PAD + (i % 2) * _ROW if is_narrow else _PAD
        x, width = _PAD + start * step, (end - start) * step
        title = f"{label}: steps {start + 1} to {end}, confidence {confidence:.2f}{'' if right else ', not in gold'}"
        look, opacity = "said" if right else "said error", 0.15 + 0.85 * confidence
        parts.append(rect(x + 0.5, row, width - 1, 20, classes=look, opacity=opacity, title=title))
        parts.append(text(x + width / 2, row + 14, label, anchor="middle", classes="tick inside"))
    base = _PAD + _ROW * (2 if is_narrow else 1) + 2
    parts += [
        text(_PAD + (i + 0.5) * step, base + 14, name, anchor="middle", classes="tick") for i, name in enumerate(chart.steps)
    ]
    if not has_names:
        parts += _ruler(n_steps, step=step, top=base)
    width, height = n_steps * step + 2 * _PAD, base + 24
    return svg(parts, width=width, height=height, label="predicted labels by step", is_fluid=chart.is_fluid)


def _ruler(n_steps: int, *, step: float, top: float) -> list[str]:
    every = next(unit for unit in (10, 20, 50, 100, 200, 500, 1000, 10**9) if unit * step >= 40)
    parts = [line(_PAD, top, _PAD + n_steps * step, top, classes="axis")]
    for at in range(0, n_steps + 1, every):
        parts.append(line(_PAD + at * step, top, _PAD + at * step, top + 4, classes="axis"))
        parts.append(text(_PAD + at * step, top + 16, str(at), anchor="middle" if at else "start", classes="tick"))
    return parts
