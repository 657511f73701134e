"""Labels in their places over the steps of a record."""

from seqlab.report.document.charts import Strip
from seqlab.report.drawing.canvas import line, rect, svg, text

_MIN_STEP, _MAX_STEP, _WIDEST = 3.0, 30.0, 900.0
_ROW, _PAD = 26, 8


def draw_strip(chart: Strip) -> str:
    """Return a row of labels, the fainter the less sure, above the steps; labels of one step take turns in two rows."""
    n_steps = max([len(chart.steps), *(end for _, end in chart.places), 1])
    longest = max((len(label) for label in chart.labels), default=1)
    step = min(_MAX_STEP, max(_MIN_STEP, _WIDEST / n_steps)) if not any(chart.steps) else max(22.0, 8.0 * _longest(chart))
    is_narrow = longest * 7.5 > step * 1.5
    parts = []
    for i, (label, (start, end), sure, right) in enumerate(
        zip(chart.labels, chart.places, chart.sure, chart.is_right, strict=True)
    ):
        row = _PAD + (i % 2) * _ROW if is_narrow else _PAD
        x, width = _PAD + start * step, (end - start) * step
        told = f"{label}: steps {start + 1} to {end}, confidence {sure:.2f}{'' if right else ', not in gold'}"
        parts.append(
            rect(x + 0.5, row, width - 1, 20, classes="said" if right else "said error", opacity=0.15 + 0.85 * sure, title=told)
        )
        parts.append(text(x + width / 2, row + 14, label, anchor="middle", classes="tick inside"))
    base = _PAD + _ROW * (2 if is_narrow else 1) + 2
    parts += [
        text(_PAD + (i + 0.5) * step, base + 14, name, anchor="middle", classes="tick") for i, name in enumerate(chart.steps)
    ]
    if not any(chart.steps):
        parts += _ruler(n_steps, step=step, top=base)
    return svg(
        parts, width=n_steps * step + 2 * _PAD, height=base + 24, label="labels in their places", is_fluid=chart.is_fluid
    )


def _longest(chart: Strip) -> int:
    return max(len(name) for name in chart.steps)


def _ruler(n_steps: int, *, step: float, top: float) -> list[str]:
    every = next(unit for unit in (10, 20, 50, 100, 200, 500, 1000, 10**9) if unit * step >= 40)
    parts = [line(_PAD, top, _PAD + n_steps * step, top, classes="axis")]
    for at in range(0, n_steps + 1, every):
        parts.append(line(_PAD + at * step, top, _PAD + at * step, top + 4, classes="axis"))
        parts.append(text(_PAD + at * step, top + 16, str(at), anchor="middle" if at else "start", classes="tick"))
    return parts
