"""Draw learning curves and confusion matrices for trackers. Needs matplotlib (`pip install 'seqlab[plots]'`)."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from seqlab.runs.run import FinishedRun

log = logging.getLogger(__name__)

MAX_LABELS = 30
"""Most frequent labels shown in a confusion matrix; all others share a row and a column."""
OTHERS = "(others)"
_DPI = 110


def draw(folder: Path) -> list[Path]:
    """Draw pictures into `plots` of a run folder, and return the files; none without matplotlib."""
    if find_spec("matplotlib") is None:
        log.info("no pictures for trackers: they need matplotlib (`pip install 'seqlab[plots]'`)")
        return []
    run, target = FinishedRun(folder), folder / "plots"
    target.mkdir(exist_ok=True)
    files = []
    history = run.history()
    if history:
        files.append(target / "learning_curves.png")
        _draw_curves(while_training(history), monitor=run.metrics["training"]["monitor"], path=files[-1])
    else:
        log.info("no learning curves for trackers: they need metrics.csv; add csv to logger=[csv,…]")
    for name, pairs in label_pairs(run).items():
        labels, counts = confusion(pairs)
        files.append(target / f"confusion_{name.replace('/', '_')}.png")
        _draw_confusion(labels, counts, path=files[-1])
    return files


def while_training(history: Mapping[str, Sequence[tuple[int, float]]]) -> dict[str, Sequence[tuple[int, float]]]:
    """Return the history without the final validation of the best model, which is logged as an extra epoch."""
    last = max((epoch for epoch, _ in history.get("train/loss", ())), default=None)
    return {
        name: [(epoch, value) for epoch, value in values if last is None or epoch <= last] for name, values in history.items()
    }


def label_pairs(run: FinishedRun) -> dict[str, Counter[tuple[str, str]]]:
    """Count pairs of (gold, predicted) labels on test records by head; heads of spans or label sequences have none."""
    pairs: dict[str, Counter[tuple[str, str]]] = {}
    for data_set in run.data_sets("test"):
        for record in run.answers("test", data_set=data_set):
            for head, gold in record.gold.items():
                labels = record.predictions[head].labels
                name = f"{data_set}/{head}" if data_set else head
                pairs.setdefault(name, Counter()).update(_pairs(gold, labels))
    return {name: found for name, found in pairs.items() if found}


def confusion(pairs: Mapping[tuple[str, str], int]) -> tuple[list[str], Int[np.ndarray, "gold label"]]:
    """Return the most frequent labels, and counts by gold label (row) and predicted label (column)."""
    totals: Counter[str] = Counter()
    for pair, n in pairs.items():
        for label in pair:
            totals[label] += n
    kept = sorted(label for label, _ in totals.most_common(MAX_LABELS))
    labels = [*kept, OTHERS] if len(totals) > len(kept) else kept
    place = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for (gold, label), n in pairs.items():
        # Labels beyond the most frequent count as the last one, OTHERS.
        counts[place.get(gold, -1), place.get(label, -1)] += n
    return labels, counts


def _pairs(gold: Any, labels: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield gold and predicted labels of steps, segments or records, if they match one to one."""
    rows = [gold] if isinstance(gold, str) else gold
    if len(rows) == len(labels):
        yield from ((g, label) for g, label in zip(rows, labels, strict=True) if isinstance(g, str))


def _draw_curves(history: Mapping[str, Sequence[tuple[int, float]]], *, monitor: str, path: Path) -> None:
    # Figure instead of pyplot, which keeps figures in memory and needs a display.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = {"loss": [name for name in history if name.endswith("/loss") and not name.startswith("test")], monitor: [monitor]}
    for axis, (title, names) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        for name in (name for name in names if name in history):
            axis.plot(*zip(*((epoch + 1, value) for epoch, value in history[name]), strict=True), marker=".", label=name)
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(names) > 1:
            axis.legend(frameon=False)
    figure.savefig(path, dpi=_DPI)


def _draw_confusion(labels: Sequence[str], counts: Int[np.ndarray, "gold label"], *, path: Path) -> None:
    from matplotlib.figure import Figure

    size = 2.5 + 0.32 * len(labels)
    figure = Figure(figsize=(size, size), layout="constrained")
    axis = figure.subplots()
    # A label that never occurs in gold has an empty row; dividing by 1 keeps it 0.
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), n in np.ndenumerate(counts):
        if n:
            color = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, f"{n:,}", ha="center", va="center", fontsize=7, color=color)
    ticks = range(len(labels))
    names = [label.replace("$", r"\$") for label in labels]  # a pair of $ would be read as a formula
    axis.set_xticks(ticks, names, rotation=90, fontsize=8)
    axis.set_yticks(ticks, names, fontsize=8)
    axis.set(xlabel="predicted", ylabel="gold")
    figure.savefig(path, dpi=_DPI)
