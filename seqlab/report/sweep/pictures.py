"""Sections on what settings explain: importance, parallel coordinates, Pareto fronts and learning curves."""

import math
from collections import defaultdict
from collections.abc import Sequence

from seqlab.report.analysis.importance import N_SHUFFLES, explained, levels_of
from seqlab.report.analysis.pareto import on_front
from seqlab.report.analysis.trials import COMPLETE, Objective, Setting, Study, Trial, varying
from seqlab.report.document.charts import Axis, Curves, Parallel, Path, Point, Scatter, Series
from seqlab.report.document.model import Block, Column, Figure, Paragraph, Section, Table

_MAX_AXES = 9
_MAX_LEVELS = 12
_LOG_RATIO = 50
"""Positive settings that span a larger ratio get a log axis."""
COSTS = {"latency_ms": "latency, ms", "n_parameters": "parameters", "seconds": "seconds of training"}
"""Costs of a trial, with their names in charts."""


def importance_section(study: Study) -> Section:
    """Return the share of the first objective's variance that each setting explains by itself."""
    title = "Importance of settings"
    rows = _importance_rows(study)
    if not rows:
        return Section(title, [Paragraph("Too few scored trials, or too few different settings, to say anything.")])
    note = (
        f"Share of the variance of {study.main.name} that each setting explains over the complete trials (epsilon squared of a "
        "one-way analysis of variance; numbers with many values in four classes). Interactions of settings are not counted. "
        f"Chance is the share of {N_SHUFFLES} random permutations of the scores that explain as much. Samplers try promising "
        "values more often, which neither column corrects for."
    )
    columns = [Column("setting"), Column("explained", "share"), Column("chance", "number"), Column("values", "count")]
    if study.importance is not None:
        note += " The last column is the sweep's own estimate by PED-ANOVA; its shares sum to 1."
        columns.append(Column("PED-ANOVA", "share"))
    return Section(title, [Paragraph(note, is_note=True), Table(columns, rows), *_means(study, [str(row[0]) for row in rows])])


def _importance_rows(study: Study) -> list[list[Setting]]:
    scores = [trial.values[study.main.name] for trial in study.complete]
    rows: list[list[Setting]] = []
    for name in varying(study.complete):
        if found := explained([trial.settings.get(name) for trial in study.complete], scores):
            own: list[Setting] = [study.importance.get(name)] if study.importance is not None else []
            rows.append([name, found.share, found.chance, found.n_levels, *own])
    return sorted(rows, key=lambda row: -float(row[1] or 0.0))


def _means(study: Study, names: Sequence[str]) -> list[Block]:
    """Return the mean score of each value of each setting."""
    rows: list[list[Setting]] = []
    for name in names:
        scores: dict[Setting, list[float]] = defaultdict(list)
        levels = levels_of([trial.settings.get(name) for trial in study.complete])
        for level, trial in zip(levels, study.complete, strict=True):
            scores[level].append(trial.values[study.main.name])
        ranked = sorted(scores.items(), key=lambda pair: sum(pair[1]) / len(pair[1]), reverse=study.main.is_high)
        rows += [[name, shown_setting(level), len(of), sum(of) / len(of)] for level, of in ranked[:_MAX_LEVELS]]
    columns = [Column("setting"), Column("value"), Column("trials", "count"), Column(f"mean {study.main.name}", "number")]
    return [Table(columns, rows, caption=f"Mean scores by value, best first, at most {_MAX_LEVELS} for each setting.")]


def parallel_section(study: Study) -> Section | None:
    """Return the trials as lines across their settings and the first objective."""
    trials = study.complete
    names = [str(row[0]) for row in _importance_rows(study)] or varying(trials)
    if len(trials) < 2 or not names:
        return None
    shown = names[: _MAX_AXES - 1]
    laid_out = [_axis(name, [trial.settings.get(name) for trial in trials]) for name in shown]
    laid_out.append(_axis(study.main.name, [trial.values[study.main.name] for trial in trials]))
    scores = laid_out[-1][1]
    paths = [
        Path(
            _path_name(trial, shown, study.main),
            [places[i] for _, places in laid_out],
            _score(scores[i], is_high=study.main.is_high),
        )
        for i, trial in enumerate(trials)
    ]
    rest = f" Not shown: {', '.join(names[len(shown) :])}." if len(names) > len(shown) else ""
    note = f"Each line is a complete trial; {study.main.name}, on the right, also gives its colour.{rest}"
    return Section("Parallel coordinates", [Figure(Parallel([axis for axis, _ in laid_out], paths), note)])


def _score(place: float | None, *, is_high: bool) -> float:
    return 0.5 if place is None else place if is_high else 1 - place


def _path_name(trial: Trial, names: Sequence[str], objective: Objective) -> str:
    settings = ", ".join(f"{name}={shown_setting(trial.settings.get(name))}" for name in names)
    return f"{trial.name}: {settings}, {objective.name} {trial.values[objective.name]:.4g}"


def _axis(name: str, values: Sequence[Setting]) -> tuple[Axis, list[float | None]]:
    """Return an axis and the position of each value on it: numbers by size, names evenly spaced."""
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)]
    if len(numbers) == len(values) and len(set(numbers)) > 1:
        is_log = min(numbers) > 0 and max(numbers) / min(numbers) > _LOG_RATIO
        scaled = [math.log(v) for v in numbers] if is_log else numbers
        low, high = min(scaled), max(scaled)
        middle = math.exp((low + high) / 2) if is_log else (low + high) / 2
        ticks = [(0.0, f"{min(numbers):.4g}"), (0.5, f"{middle:.4g}"), (1.0, f"{max(numbers):.4g}")]
        return Axis(name, ticks), [(v - low) / (high - low) for v in scaled]
    # Names have no scale, so they are spread evenly; a single one is in the middle.
    levels = sorted({str(shown_setting(value)) for value in values})
    at = {level: i / max(1, len(levels) - 1) if len(levels) > 1 else 0.5 for i, level in enumerate(levels)}
    return Axis(name, [(place, level) for level, place in at.items()]), [at[str(shown_setting(value))] for value in values]


def fronts_section(study: Study) -> Section | None:
    """Return the front over all objectives; with one objective, its fronts against each cost."""
    if len(study.objectives) > 1:
        figures = [_front(study, study.objectives, study.objectives[1], study.objectives[0])]
    else:
        costs = [Objective(name, is_high=False) for name in COSTS if name != study.main.name]
        figures = [_front(study, [study.main, cost], cost, study.main) for cost in costs]
    found = [figure for figure in figures if figure is not None]
    return Section("Pareto front", found) if found else None


def _front(study: Study, objectives: Sequence[Objective], x: Objective, y: Objective) -> Figure | None:
    trials = [trial for trial in study.complete if all(objective.name in trial.values for objective in objectives)]
    if len({trial.values[x.name] for trial in trials}) < 2:
        return None
    values = [[trial.values[objective.name] for objective in objectives] for trial in trials]
    best = on_front(values, is_high=[objective.is_high for objective in objectives])
    points = [Point(t.name, t.values[x.name], t.values[y.name], front) for t, front in zip(trials, best, strict=True)]
    over = " and ".join(f"{'high' if objective.is_high else 'low'} {objective.name}" for objective in objectives)
    note = f"Named trials are on the front: no other trial is better in {over} at once."
    return Figure(Scatter(COSTS.get(x.name, x.name), COSTS.get(y.name, y.name), points), note)


def curves_section(study: Study) -> Section | None:
    """Return the monitored metric of every trial by epoch."""
    best = next(iter(study.complete), None)
    series = [Series(_curve_name(trial), trial.curve, _style(trial, best)) for trial in study.trials if trial.curve]
    if not series:
        return None
    note = (
        f"{study.monitor} by epoch. Bold: the best trial{f' ({best.name})' if best else ''}; thin: other complete trials; "
        "dashed: pruned, failed or unfinished. Hover over a line for its name."
    )
    return Section("Learning curves", [Figure(Curves("epoch", study.monitor, series), note)])


def _curve_name(trial: Trial) -> str:
    return trial.name if trial.state == COMPLETE else f"{trial.name} ({trial.state})"


def _style(trial: Trial, best: Trial | None) -> str:
    if trial is best:
        return "strong"
    return "faint" if trial.state == COMPLETE else "faint dashed"


def shown_setting(value: Setting) -> Setting:
    """Return a setting as YAML writes it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else value
