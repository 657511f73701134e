"""Draw gates, states and influence of recurrent layers. Needs matplotlib (`pip install 'seqlab[plots]'`)."""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from seqlab.errors import ConfigError
from seqlab.report.charts.canvas import cut
from seqlab.report.model.traces import CellTrace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEP_INCHES, _MARGIN_INCHES, _PANEL_INCHES = 0.34, 2.2, 1.9
_MIN_INCHES, _MAX_INCHES = 6.0, 40.0
_GATES = ("input", "forget", "output", "reset", "update")
"""Gates with values between 0 and 1; everything else is drawn around 0."""
_DPI = 130
_NAME_CHARS = 50
"""Longer model names keep only their end."""
_CURVE_STEPS = 20
"""Width of the curves when drawn alone, as a number of named steps."""
_LABEL_CHARS = 24
"""Longer step names are cut."""


def gate_figure(trace: CellTrace, *, steps: Sequence[str]) -> "Figure":
    """Return a panel for each gate and state: units from top to bottom, steps of the record from left to right."""
    panels = {**trace.gates, **{f"{name} state": values for name, values in trace.states.items()}}
    figure = _figure(n_steps=len(steps), height=_PANEL_INCHES * len(panels) + 1.2)
    axes: list[Axes] = list(figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0])
    for axis, (name, values) in zip(axes, panels.items(), strict=True):
        _heat(figure, axis, trace.in_text_order(values).T, is_gate=name in _GATES)
        axis.set_ylabel(f"{name}\nunit")
    _name_steps(axes[-1], steps)
    _title(axes[0], f"{trace.layer}, {trace.reading} ({type(trace.cell).__name__})")
    return figure


def influence_figure(curves: Mapping[str, Tensor], matrix: CellTrace | None, *, steps: Sequence[str]) -> "Figure":
    """Draw |d h_t / d x_1| over t for each of the `curves`; below, the influence of every step in the trace `matrix`."""
    is_whole = matrix is not None and len(matrix.influence) == len(steps)
    heights = [4.2, max(2.5, 1.2 + 0.2 * len(steps))] if is_whole else [4.2]
    figure = _figure(n_steps=len(steps) if is_whole else _CURVE_STEPS, height=sum(heights))
    left, *others = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for name, values in curves.items():
        is_bare = name.startswith("untrained")
        label = name if len(name) <= _NAME_CHARS else f"…{name[1 - _NAME_CHARS :]}"
        # A log scale cannot show zeros, which become gaps.
        shown = values.where(values > 0, float("nan")).tolist()
        left.semilogy(range(1, len(values) + 1), shown, label=label, linestyle="--" if is_bare else "-", marker=".")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.set_xlabel("step t")
    left.set_ylabel("‖∂h(t) / ∂x(1)‖")
    # Without this, a long name would squeeze the curves to make room for the legend.
    left.legend(frameon=False, fontsize=8).set_in_layout(False)
    _title(left, "How much of the first step is left")
    for axis in others:
        assert matrix is not None
        _heat(figure, axis, matrix.influence, is_gate=True, is_log=True)
        _name_steps(axis, steps)
        axis.set_yticks(range(len(steps)), _short(steps), fontsize=7, parse_math=False)
        axis.set_ylabel("influence of …")
        axis.set_xlabel("… on the state at")
        _title(axis, f"‖∂h(t) / ∂x(s)‖, {matrix.layer}, {matrix.reading}")
    return figure


def png(figure: "Figure") -> bytes:
    """Return the figure as PNG."""
    return _saved(figure, "png", dpi=_DPI)


def svg(figure: "Figure") -> str:
    """Return the figure as an SVG element. Text stays text, so the page's fonts draw it."""
    # The date would change the bytes of the file each time.
    text = _saved(figure, "svg", metadata={"Date": None}).decode("utf-8")
    return text[text.index("<svg") :]


def _saved(figure: "Figure", form: str, **options: Any) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    # A fixed salt for element ids, so that the same record gives the same bytes.
    with warnings.catch_warnings(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "seqlab"}):
        # Matplotlib's font lacks many scripts: such letters are boxes in the PNG, but browsers draw them in the SVG.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure.savefig(buffer, format=form, **options)
    return buffer.getvalue()


def _figure(*, n_steps: int, height: float) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("drawing needs matplotlib; install it with `pip install 'seqlab[plots]'`") from error
    # Matplotlib draws at most 65,536 pixels in each direction.
    width = min(max(_MIN_INCHES, _MARGIN_INCHES + _STEP_INCHES * n_steps), _MAX_INCHES)
    return Figure(figsize=(width, height), layout="constrained")


def _heat(figure: "Figure", axis: "Axes", values: Tensor, *, is_gate: bool, is_log: bool = False) -> None:
    # Imported late, because matplotlib is optional.
    from matplotlib.colors import LogNorm

    numbers = values.detach().cpu().float()
    options: dict[str, Any]
    if is_log:
        least = float(numbers[numbers > 0].min()) if bool((numbers > 0).any()) else 1e-12
        options = {"cmap": "viridis", "norm": LogNorm(least, max(float(numbers.max()), 2 * least))}
        numbers = numbers.masked_fill(numbers <= 0, float("nan"))
    elif is_gate:
        options = {"cmap": "viridis", "vmin": 0.0, "vmax": 1.0}
    else:
        # Symmetric limits put 0 at the neutral colour.
        largest = float(numbers.abs().max()) if numbers.numel() else 1.0
        options = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
    image = axis.imshow(numbers.numpy(), aspect="auto", interpolation="nearest", **options)
    figure.colorbar(image, ax=axis, pad=0.01)


def _name_steps(axis: "Axes", steps: Sequence[str]) -> None:
    names = _short(steps)
    axis.set_xticks(range(len(steps)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=7, parse_math=False)


def _short(steps: Sequence[str]) -> list[str]:
    return [cut(step, _LABEL_CHARS) for step in steps]


def _title(axis: "Axes", text: str) -> None:
    axis.set_title(text, fontsize=10, loc="left", parse_math=False)
