"""How a run learned: curves by epoch, speed, and the flow of gradients."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from seqlab.errors import DataError
from seqlab.report.document.charts import Curves, Series
from seqlab.report.document.model import Block, Column, Figure, Paragraph, Section, Table
from seqlab.report.run.header import counted
from seqlab.runs.run import FinishedRun
from seqlab.training.callbacks.gradient_flow import PARAMETERS_FILE, STEPS_FILE

History: TypeAlias = Mapping[str, Sequence[tuple[int, float]]]
_SECONDS, _SPEED, _VAL_SECONDS = "train/seconds", "train/tokens_per_second", "val/seconds"
_PART_LEVELS = 3
"""Parameters are told apart by so many parts of their names."""


def by_epoch(history: History, name: str) -> list[tuple[int, float]]:
    """Return the values of training epochs, counted from 1: of several of one epoch the first, none of after training."""
    n_epochs = 1 + max((epoch for epoch, _ in history.get("train/loss", [])), default=10**9)
    first: dict[int, float] = {}
    for epoch, value in history.get(name, []):
        if epoch < n_epochs:
            first.setdefault(epoch + 1, value)
    return sorted(first.items())


def learning(run: FinishedRun) -> Section:
    """Return the curves of losses and of the monitored metric."""
    history, monitor = run.history(), str(run.config["monitor"])
    losses = [Series(name, by_epoch(history, name)) for name in ("train/loss", "val/loss") if by_epoch(history, name)]
    scores = by_epoch(history, monitor)
    if not losses and not scores:
        return Section(
            "Learning curves", [Paragraph("No values by epoch were kept: the run had no CSV logger (logger=[csv]).")]
        )
    best = _best(scores, mode=str(run.config.get("monitor_mode", "max")))
    marked = None if best is None else (float(best), f"best epoch: {best}")
    blocks: list[Block] = []
    if losses:
        blocks.append(
            Figure(Curves("epoch", "loss", losses, marked), "Mean loss by epoch; the line marks the epoch that was kept.")
        )
    if scores:
        strong = [Series(monitor, scores, "strong")]
        blocks.append(Figure(Curves("epoch", monitor, strong, marked), f"{monitor}, by which the best epoch was chosen."))
    return Section("Learning curves", blocks)


def _best(scores: Sequence[tuple[int, float]], *, mode: str) -> int | None:
    finite = [(epoch, value) for epoch, value in scores if math.isfinite(value)]
    if not finite:
        return None
    chosen = max(finite, key=lambda pair: pair[1]) if mode == "max" else min(finite, key=lambda pair: pair[1])
    return chosen[0]


def speed(run: FinishedRun) -> Section:
    """Return what the epochs took."""
    history = run.history()
    seconds, tokens, validation = (by_epoch(history, name) for name in (_SECONDS, _SPEED, _VAL_SECONDS))
    if not seconds:
        told = "Nothing on time was logged: that takes the callback progress and a CSV logger, both of which are defaults."
        return Section("Speed", [Paragraph(told)])
    speeds, waits = dict(tokens), dict(validation)
    rows = [[epoch, spent, round(speeds.get(epoch, 0)), waits.get(epoch)] for epoch, spent in seconds]
    total = sum(spent for _, spent in seconds) + sum(waits.values())
    threads = counted(run.environment.get("n_threads"), "thread")
    columns = [Column("epoch", "count"), Column("training, s", "number")]
    columns += [Column("tokens a second", "count"), Column("validation, s", "number")]
    told = f"{total:,.1f} seconds in all over {len(rows)} epochs, on {threads}; tokens a second are of training alone."
    return Section("Speed", [Paragraph(told), Table(columns, rows)])


def gradients(run: FinishedRun) -> Section | None:
    """Return the norms of gradients, where the callback gradient_flow left its tables."""
    blocks = [*_by_part(run.path / PARAMETERS_FILE), *_by_step(run.path / STEPS_FILE)]
    return Section("Gradient flow", blocks) if blocks else None


def _by_part(path: Path) -> Iterator[Figure]:
    squares: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for row in _rows(path, ("training_step", "parameter", "gradient_norm")):
        part = ".".join(row["parameter"].split(".")[:_PART_LEVELS])
        squares[part][int(row["training_step"])] += float(row["gradient_norm"]) ** 2
    series = [Series(part, [(step, math.sqrt(s)) for step, s in sorted(of.items()) if s > 0]) for part, of in squares.items()]
    if any(each.points for each in series):
        curves = Curves("training step", "gradient norm", [each for each in series if each.points], is_log=True)
        yield Figure(curves, "Norm of the loss's gradient by the parameters of each part, before clipping, on a log scale.")


def _by_step(path: Path) -> Iterator[Figure]:
    norms: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(path, ("training_step", "layer", "direction", "step", "gradient_norm")):
        name = f"{row['layer']}, {'backwards' if row['direction'] == '1' else 'forwards'}"
        norms[name][int(row["step"])].append(float(row["gradient_norm"]))
    series = [
        Series(name, [(step + 1, sum(v) / len(v)) for step, v in sorted(of.items()) if sum(v) > 0])
        for name, of in norms.items()
    ]
    if any(each.points for each in series):
        told = (
            "Norm of the loss's gradient by what each layer reads at a step, in its reading order, as the mean over the steps "
            "of training that were looked at: whether the loss reaches far back."
        )
        yield Figure(Curves("step of the record", "gradient norm", [s for s in series if s.points], is_log=True), told)


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        lacking = set(columns) - set(reader.fieldnames or [])
        if lacking:
            raise DataError(f"{path}:1: no column {', '.join(sorted(lacking))}; expected a table of callbacks=[gradient_flow]")
        yield from reader
