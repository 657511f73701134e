"""Training of a run: learning curves, speed and gradient norms."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from seqlab.errors import DataError
from seqlab.report.document.charts import Curves, Series
from seqlab.report.document.model import Block, Column, Figure, Paragraph, Section, Table
from seqlab.report.run.examples import counted
from seqlab.runs.run import FinishedRun
from seqlab.training.callbacks.gradient_flow import PARAMETERS_FILE, STEPS_FILE

History: TypeAlias = Mapping[str, Sequence[tuple[int, float]]]
_SECONDS, _SPEED, _VAL_SECONDS = "train/seconds", "train/tokens_per_second", "val/seconds"
_PART_LEVELS = 3
"""Parameters are grouped by this many parts of their names."""


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
    history, monitor = run.history(), str(run.config["monitor"])
    losses = [Series(name, by_epoch(history, name)) for name in ("train/loss", "val/loss") if by_epoch(history, name)]
    scores = by_epoch(history, monitor)
    if not losses and not scores:
        note = "No values by epoch: the run had no CSV logger (logger=[csv])."
        return Section("Learning curves", [Paragraph(note)])
    best = _best(scores, mode=str(run.config.get("monitor_mode", "max")))
    marked = None if best is None else (float(best), f"best epoch: {best}")
    blocks: list[Block] = []
    if losses:
        caption = "Mean loss by epoch; the line marks the epoch whose weights were kept."
        blocks.append(Figure(Curves("epoch", "loss", losses, marked), caption))
    if scores:
        strong = [Series(monitor, scores, "strong")]
        blocks.append(Figure(Curves("epoch", monitor, strong, marked), f"{monitor}, which selects the best epoch."))
    return Section("Learning curves", blocks)


def _best(scores: Sequence[tuple[int, float]], *, mode: str) -> int | None:
    finite = [(value, epoch) for epoch, value in scores if math.isfinite(value)]
    choose = max if mode == "max" else min
    return choose(finite, key=lambda pair: pair[0])[1] if finite else None


def speed(run: FinishedRun) -> Section:
    """Return the duration and speed of each epoch."""
    history = run.history()
    seconds, tokens, validation = (by_epoch(history, name) for name in (_SECONDS, _SPEED, _VAL_SECONDS))
    if not seconds:
        note = "No times were logged; that needs the callback `progress` and a CSV logger, both on by default."
        return Section("Speed", [Paragraph(note)])
    speeds, waits = dict(tokens), dict(validation)
    rows = [[epoch, spent, round(speeds.get(epoch, 0)), waits.get(epoch)] for epoch, spent in seconds]
    total = sum(spent for _, spent in seconds) + sum(waits.values())
    threads = counted(run.environment.get("n_threads"), "thread")
    columns = [Column("epoch", "count"), Column("training, s", "number")]
    columns += [Column("tokens a second", "count"), Column("validation, s", "number")]
    note = f"{total:,.1f} seconds in all over {len(rows)} epochs, on {threads}; tokens a second count training alone."
    return Section("Speed", [Paragraph(note), Table(columns, rows)])


def gradients(run: FinishedRun) -> Section | None:
    """Return gradient norms, if the callback gradient_flow recorded them."""
    blocks = [*_by_part(run.path / PARAMETERS_FILE), *_by_step(run.path / STEPS_FILE)]
    return Section("Gradient flow", blocks) if blocks else None


def _by_part(path: Path) -> Iterator[Figure]:
    squares: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for row in _rows(path, ("training_step", "parameter", "gradient_norm")):
        part = ".".join(row["parameter"].split(".")[:_PART_LEVELS])
        squares[part][int(row["training_step"])] += float(row["gradient_norm"]) ** 2
    by_part = {part: {step: math.sqrt(square) for step, square in of.items()} for part, of in squares.items()}
    caption = "Gradient norm of the loss with respect to each group of parameters, before clipping, on a log scale."
    yield from _norms("training step", by_part, caption)


def _by_step(path: Path) -> Iterator[Figure]:
    norms: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(path, ("training_step", "layer", "direction", "step", "gradient_norm")):
        name = f"{row['layer']}, {'backwards' if row['direction'] == '1' else 'forwards'}"
        norms[name][int(row["step"])].append(float(row["gradient_norm"]))
    means = {name: {step + 1: sum(v) / len(v) for step, v in of.items()} for name, of in norms.items()}
    caption = (
        "Gradient norm of the loss with respect to the input of each layer at each step, in reading order, averaged over the "
        "recorded training steps. It shows how far back the loss reaches."
    )
    yield from _norms("step of the record", means, caption)


def _norms(x: str, norms: Mapping[str, Mapping[int, float]], caption: str) -> Iterator[Figure]:
    # A log scale has no place for norms of 0.
    points = {name: [(step, norm) for step, norm in sorted(of.items()) if norm > 0] for name, of in norms.items()}
    series = [Series(name, drawn) for name, drawn in points.items() if drawn]
    if series:
        yield Figure(Curves(x, "gradient norm", series, is_log=True), caption)


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = set(columns) - set(reader.fieldnames or [])
        if missing:
            raise DataError(f"{path}:1: no column {', '.join(sorted(missing))}; expected a table of callbacks=[gradient_flow]")
        yield from reader
