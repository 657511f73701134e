"""Training of a run: learning curves, speed and gradient norms."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from seqlab.errors import DataError
from seqlab.report.charts import Curves, Series
from seqlab.report.document.model import Block, Column, Figure, Paragraph, Section, Table
from seqlab.report.run.examples import counted
from seqlab.runs.run import FinishedRun
from seqlab.training.callbacks.gradient_flow import PARAMETERS_FILE, STEPS_FILE

History: TypeAlias = Mapping[str, Sequence[tuple[int, float]]]
Norms: TypeAlias = defaultdict[tuple[str, int], list[float]]
"""Gradient norms by the name of a line and their x."""
_PART_LEVELS = 3
"""Parameters are grouped by this many parts of their names."""
_OF_PARTS = "Gradient norm of the loss with respect to each group of parameters, before clipping, on a log scale."
_OF_STEPS = (
    "Gradient norm of the loss with respect to the input of each layer at each step, in reading order, averaged over the "
    "recorded training steps. It shows how far back the loss reaches."
)


def by_epoch(history: History, name: str) -> list[tuple[int, float]]:
    """Return the first value of each training epoch, counted from 1, without values logged after training."""
    # After training, the best model is validated again, which is logged as one more epoch.
    n_epochs = 1 + max((epoch for epoch, _ in history.get("train/loss", [])), default=10**9)
    first: dict[int, float] = {}
    for epoch, value in history.get(name, []):
        if epoch < n_epochs:
            first.setdefault(epoch + 1, value)
    return sorted(first.items())


def learning(run: FinishedRun) -> Section:
    """Return curves of the losses and the monitored metric."""
    title, history, monitor = "Learning curves", run.history(), str(run.config["monitor"])
    losses = [Series(name, values) for name in ("train/loss", "val/loss") if (values := by_epoch(history, name))]
    scores = by_epoch(history, monitor)
    if not losses and not scores:
        return Section(title, [Paragraph("No values by epoch: the run had no CSV logger (logger=[csv]).")])
    # A diverged epoch cannot be the best one.
    finite = [point for point in scores if math.isfinite(point[1])]
    choose = max if run.config.get("monitor_mode", "max") == "max" else min
    best = choose(finite, key=lambda point: point[1])[0] if finite else None
    marked = None if best is None else (float(best), f"best epoch: {best}")
    blocks: list[Block] = []
    if losses:
        caption = "Mean loss by epoch; the line marks the epoch whose weights were kept."
        blocks.append(Figure(Curves("epoch", "loss", losses, marked), caption))
    if scores:
        strong = [Series(monitor, scores, "strong")]
        blocks.append(Figure(Curves("epoch", monitor, strong, marked), f"{monitor}, which selects the best epoch."))
    return Section(title, blocks)


def speed(run: FinishedRun) -> Section:
    """Return the duration and speed of each epoch."""
    history = run.history()
    seconds = by_epoch(history, "train/seconds")
    if not seconds:
        note = "No times were logged; that needs the callback `progress` and a CSV logger, both on by default."
        return Section("Speed", [Paragraph(note)])
    speeds, waits = (dict(by_epoch(history, name)) for name in ("train/tokens_per_second", "val/seconds"))
    rows = [[epoch, spent, round(speeds.get(epoch, 0)), waits.get(epoch)] for epoch, spent in seconds]
    total = sum(spent for _, spent in seconds) + sum(waits.values())
    threads = counted(run.environment.get("n_threads"), "thread")
    columns = [Column("epoch", "count"), Column("training, s", "number")]
    columns += [Column("tokens a second", "count"), Column("validation, s", "number")]
    note = f"{total:,.1f} seconds in all over {len(rows)} epochs, on {threads}; tokens a second count training alone."
    return Section("Speed", [Paragraph(note), Table(columns, rows)])


def gradients(run: FinishedRun) -> list[Section]:
    """Return a section with gradient norms, if the callback gradient_flow recorded them."""
    of_parts, of_steps = Norms(list), Norms(list)
    for row in _rows(run.path / PARAMETERS_FILE, ("training_step", "parameter", "gradient_norm")):
        part = ".".join(row["parameter"].split(".")[:_PART_LEVELS])
        of_parts[part, int(row["training_step"])].append(float(row["gradient_norm"]))
    for row in _rows(run.path / STEPS_FILE, ("training_step", "layer", "direction", "step", "gradient_norm")):
        name = f"{row['layer']}, {'backwards' if row['direction'] == '1' else 'forwards'}"
        of_steps[name, int(row["step"]) + 1].append(float(row["gradient_norm"]))
    # Norms of parts combine as the root of the sum of their squares.
    whole = {place: math.sqrt(sum(norm**2 for norm in norms)) for place, norms in of_parts.items()}
    means = {place: sum(norms) / len(norms) for place, norms in of_steps.items()}
    blocks = [*_by_name("training step", whole, _OF_PARTS), *_by_name("step of the record", means, _OF_STEPS)]
    return [Section("Gradient flow", blocks)] if blocks else []


def _by_name(x: str, norms: Mapping[tuple[str, int], float], caption: str) -> list[Figure]:
    points: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for (name, step), norm in norms.items():
        # A log scale has no place for norms of 0.
        if norm > 0:
            points[name].append((step, norm))
    series = [Series(name, sorted(of)) for name, of in points.items()]
    return [Figure(Curves(x, "gradient norm", series, is_log=True), caption)] if series else []


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = set(columns) - set(reader.fieldnames or [])
        if missing:
            raise DataError(f"{path}:1: no column {', '.join(sorted(missing))}; expected a table of callbacks=[gradient_flow]")
        yield from reader
