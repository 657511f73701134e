"""Sections on what settings explain: importance, parallel coordinates, Pareto fronts and learning curves."""

import math
from collections import defaultdict
from collections.abc import Sequence

from seqlab.report.analysis.importance import N_SHUFFLES, explained, levels_of
from seqlab.report.analysis.pareto import on_front
from seqlab.report.analysis.trials import COMPLETE, Objective, Setting, Study, Trial, varying
from seqlab.report.charts import Axis, Curves, Parallel, Path, Point, Scatter, Series
from seqlab.report.document.model import Column, Figure, Paragraph, Section, Table

_MAX_AXES = 9
_MAX_LEVELS = 12
_LOG_RATIO = 50
"""Positive settings that span a larger ratio get a log axis."""
COSTS = {"latency_ms": "latency, ms", "n_parameters": "parameters", "seconds": "seconds of training"}
"""Costs of a trial, with their names in charts."""


def importance_rows(study: Study) -> list[list[Setting]]:
    """Return a row for each setting that explains something: its name, share, chance and number of values, best first."""
    rows: list[list[Setting]] = []
    for name in varying(study.complete):
        if found := explained([trial.settings.get(name) for trial in study.complete], study.scores):
            rows.append([name, found.share, found.chance, found.n_levels])
            if study.importance is not None:
                rows[-1].append(study.importance.get(name))
    return sorted(rows, key=lambda row: -float(row[1] or 0.0))


def importance_section(study: Study, rows: Sequence[Sequence[Setting]]) -> Section:
    """Return the share of the first objective's variance that each setting explains on its own."""
    title = "Importance of settings"
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
    means = _means(study, [str(row[0]) for row in rows])
    return Section(title, [Paragraph(note, is_note=True), Table(columns, rows), means])


def _means(study: Study, names: Sequence[str]) -> Table:
    """Return the mean score of each value of each setting."""
    rows: list[list[Setting]] = []
    for name in names:
        scores: dict[Setting, list[float]] = defaultdict(list)
        levels = levels_of([trial.settings.get(name) for trial in study.complete])
        for level, score in zip(levels, study.scores, strict=True):
            scores[level].append(score)
        ranked = sorted(scores.items(), key=lambda pair: sum(pair[1]) / len(pair[1]), reverse=study.main.is_high)
        rows += [[name, shown_setting(level), len(of), sum(of) / len(of)] for level, of in ranked[:_MAX_LEVELS]]
    columns = [Column("setting"), Column("value"), Column("trials", "count"), Column(f"mean {study.main.name}", "number")]
    return Table(columns, rows, caption=f"Mean scores by value, best first, at most {_MAX_LEVELS} for each setting.")


def parallel_section(study: Study, rows: Sequence[Sequence[Setting]]) -> Section | None:
    """Return the trials as lines across the settings in `rows` of their importance, and the first objective."""
    trials, main = study.complete, study.main
    names = [str(row[0]) for row in rows] or varying(trials)
    if len(trials) < 2 or not names:
        return None
    shown, rest = names[: _MAX_AXES - 1], names[_MAX_AXES - 1 :]
    axes, places = zip(
        *(_axis(name, [trial.settings.get(name) for trial in trials]) for name in shown),
        _axis(main.name, study.scores),
        strict=True,
    )
    paths = []
    for trial, *of_trial in zip(trials, *places, strict=True):
        settings = ", ".join(f"{name}={shown_setting(trial.settings.get(name))}" for name in shown)
        title = f"{trial.name}: {settings}, {main.name} {trial.values[main.name]:.4g}"
        paths.append(Path(title, of_trial, of_trial[-1] if main.is_high else 1 - of_trial[-1]))
    left_out = f" Not shown: {', '.join(rest)}." if rest else ""
    note = f"Each line is a complete trial; {main.name}, on the right, also gives its colour.{left_out}"
    return Section("Parallel coordinates", [Figure(Parallel(axes, paths), note)])


def _axis(name: str, values: Sequence[Setting]) -> tuple[Axis, list[float]]:
    """Return an axis and the position of each value on it: numbers by size, names evenly spaced."""
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)]
    if len(numbers) == len(values) and len(set(numbers)) > 1:
        # Learning rates and widths are usually searched by factors.
        is_log = min(numbers) > 0 and max(numbers) / min(numbers) > _LOG_RATIO
        scaled = [math.log(v) for v in numbers] if is_log else numbers
        low, high = min(scaled), max(scaled)
        middle = math.exp((low + high) / 2) if is_log else (low + high) / 2
        ticks = [(0.0, f"{min(numbers):.4g}"), (0.5, f"{middle:.4g}"), (1.0, f"{max(numbers):.4g}")]
        return Axis(name, ticks), [(v - low) / (high - low) for v in scaled]
    # Names have no scale, so they are spread evenly; a single one is in the middle.
    named = [str(shown_setting(value)) for value in values]
    levels = sorted(set(named))
    at = {level: i / (len(levels) - 1) if len(levels) > 1 else 0.5 for i, level in enumerate(levels)}
    return Axis(name, [(place, level) for level, place in at.items()]), [at[level] for level in named]


def fronts_section(study: Study) -> Section | None:
    """Return the front over all objectives; with one objective, its fronts against each cost."""
    if len(study.objectives) > 1:
        figures = _front(study, study.objectives, study.objectives[1])
    else:
        costs = [Objective(name, is_high=False) for name in COSTS if name != study.main.name]
        figures = [figure for cost in costs for figure in _front(study, [study.main, cost], cost)]
    return Section("Pareto front", figures) if figures else None


def _front(study: Study, objectives: Sequence[Objective], x: Objective) -> list[Figure]:
    """Return the front, drawn as the first objective over `x`; nothing if the trials do not differ in `x`."""
    trials = [trial for trial in study.complete if all(objective.name in trial.values for objective in objectives)]
    if len({trial.values[x.name] for trial in trials}) < 2:
        return []
    values = [[trial.values[objective.name] for objective in objectives] for trial in trials]
    best = on_front(values, is_high=[objective.is_high for objective in objectives])
    y = study.main.name
    points = [Point(t.name, t.values[x.name], t.values[y], front) for t, front in zip(trials, best, strict=True)]
    over = " and ".join(f"{'high' if objective.is_high else 'low'} {objective.name}" for objective in objectives)
    note = f"Named trials are on the front: no other trial is better in {over} at once."
    return [Figure(Scatter(COSTS.get(x.name, x.name), COSTS.get(y, y), points), note)]


def curves_section(study: Study) -> Section | None:
    """Return the monitored metric of every trial by epoch."""
    best = next(iter(study.complete), None)
    series = [_curve(trial, is_best=trial is best) for trial in study.trials if trial.curve]
    if not series:
        return None
    note = (
        f"{study.monitor} by epoch. Bold: the best trial{f' ({best.name})' if best else ''}; thin: other complete trials; "
        "dashed: pruned, failed or unfinished. Hover over a line for its name."
    )
    return Section("Learning curves", [Figure(Curves("epoch", study.monitor, series), note)])


def _curve(trial: Trial, *, is_best: bool) -> Series:
    if trial.state == COMPLETE:
        return Series(trial.name, trial.curve, "strong" if is_best else "faint")
    return Series(f"{trial.name} ({trial.state})", trial.curve, "faint dashed")


def shown_setting(value: Setting) -> Setting:
    """Return a setting as YAML writes it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else value
