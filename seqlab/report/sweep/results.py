"""Tables of trials: groups over seeds, all trials, pruned and failed ones."""

import statistics
from collections.abc import Sequence

from seqlab.report.analysis.noise import LEVEL, Standing, standings
from seqlab.report.analysis.trials import COMPLETE, FAILED, PRUNED, SEED, Setting, Study, Trial, by_settings, varying
from seqlab.report.document.model import Block, Column, Paragraph, Section, Table
from seqlab.report.sweep.pictures import COSTS, shown_setting

_SIZE = "n_parameters"
_REASON = 400
"""Longer reasons keep only their last characters, which usually say most."""


def groups_section(study: Study) -> Section:
    """Return each setting with its mean and interval over seeds, marking differences within noise."""
    title = "Settings over seeds"
    if not study.complete:
        return Section(title, [Paragraph("No trial has finished with a score.")])
    names = varying(study.trials)
    ranked = standings(by_settings(study.complete, names), study.main)
    if all(len(standing.trials) == 1 for standing in ranked):
        note = (
            "Each setting was run once, so the noise is unknown: a difference between trials may be due to the seed alone. "
            "Run the best settings with several seeds before choosing (repeat.seeds, or seed=1,2,3 in a sweep)."
        )
        return Section(title, [Paragraph(note)])
    note = (
        f"Each row combines trials that differ only in seed, ranked by {study.main.name}, with a 95 % confidence interval for "
        f"the mean by Student's t. A row is worse than the best if Welch's test gives p < {LEVEL} after Holm's correction for "
        "the number of rows; otherwise the difference is within noise. The best of many rows owes part of its lead to luck."
    )
    table = Table(_group_columns(names, study), [_group_row(standing, names) for standing in ranked], highlighted=(0,))
    return Section(title, [Paragraph(note, is_note=True), table])


def _group_columns(names: Sequence[str], study: Study) -> list[Column]:
    numbers = ("mean", "from", "to", "standard deviation")
    columns = [*(Column(name) for name in names), Column("seeds", "count"), *(Column(name, "number") for name in numbers)]
    return [*columns, Column("against the best"), Column("p", "number")]


def _group_row(standing: Standing, names: Sequence[str]) -> list[Setting]:
    settings, summary = standing.trials[0].settings, standing.summary
    low, high = summary.interval or (None, None)
    row: list[Setting] = [shown_setting(settings.get(name)) for name in names]
    return [*row, summary.n, summary.mean, low, high, summary.sd, standing.mark, standing.p_value]


def trials_section(study: Study) -> Section:
    """Return every trial: scored ones first, from the best on, then the others."""
    names = varying(study.trials)
    has_seeds = len({repr(trial.settings.get(SEED)) for trial in study.trials}) > 1
    settings = [*names, *([SEED] if has_seeds else [])]
    values = _value_names(study)
    columns = [Column("trial"), Column("state"), *(Column(name) for name in settings)]
    columns += [*(Column(name, "count" if name == _SIZE else "number") for name in values), Column("epochs", "count")]
    ranked = study.complete
    rest = [trial for trial in study.trials if trial not in ranked]
    rows = [_trial_row(trial, settings, values) for trial in [*ranked, *rest]]
    note = "Press a heading to sort. Pruned and failed runs show what is known of them."
    return Section("All trials", [Paragraph(note, is_note=True), Table(columns, rows, highlighted=(0,) if ranked else ())])


def _trial_row(trial: Trial, settings: Sequence[str], values: Sequence[str]) -> list[Setting]:
    own: list[Setting] = [shown_setting(trial.settings.get(name)) for name in settings]
    scores: list[Setting] = [trial.values.get(name) for name in values]
    if _SIZE in values and (size := trial.values.get(_SIZE)) is not None:
        scores[values.index(_SIZE)] = round(size)
    return [trial.name, trial.state, *own, *scores, max((epoch for epoch, _ in trial.curve), default=None)]


def _value_names(study: Study) -> list[str]:
    """Return the objectives, the same metrics on test data, and the costs, as far as trials have them."""
    of_test = [objective.name.replace("val/", "test/", 1) for objective in study.objectives]
    wanted = dict.fromkeys([*(objective.name for objective in study.objectives), *of_test, *reversed(COSTS)])
    return [name for name in wanted if any(name in trial.values for trial in study.trials)]


def pruned_section(study: Study) -> Section | None:
    """Return the trials that were stopped early, next to the median of the others at that epoch."""
    pruned = [trial for trial in study.trials if trial.state == PRUNED]
    if not pruned:
        return None
    done = [dict(trial.curve) for trial in study.trials if trial.state == COMPLETE]
    rows = [_pruned_row(trial, done, is_high=study.main.is_high) for trial in pruned]
    note = (
        f"Stopped early because their {study.monitor} lagged behind at that epoch, by the rule named above; next to it the "
        "median at the same epoch over all trials that finished, including later ones."
    )
    columns = [Column("trial"), Column("stopped after epoch", "count"), Column("value then", "number")]
    columns += [Column("median of complete trials", "number"), Column("share of them that were better", "share")]
    return Section("Pruned", [Paragraph(note), Table(columns, rows)])


def _pruned_row(trial: Trial, done: Sequence[dict[int, float]], *, is_high: bool) -> list[Setting]:
    if not trial.curve:
        return [trial.name, None, None, None, None]
    epoch, value = trial.curve[-1]
    others = sorted(curve[epoch] for curve in done if epoch in curve)
    if not others:
        return [trial.name, epoch, value, None, None]
    median = statistics.median(others)
    n_better = sum(other > value if is_high else other < value for other in others)
    return [trial.name, epoch, value, median, n_better / len(others)]


def failed_section(study: Study) -> Section | None:
    """Return the trials that failed, with reasons."""
    failed = [trial for trial in study.trials if trial.state == FAILED or (trial.reason and trial.state != COMPLETE)]
    if not failed:
        return None
    rows: list[list[Setting]] = [[trial.name, trial.state, _end(trial.reason), trial.folder] for trial in failed]
    blocks: list[Block] = [Table([Column("trial"), Column("state"), Column("why"), Column("folder")], rows)]
    if any(len(trial.reason) > _REASON for trial in failed):
        blocks.append(Paragraph("Long reasons show only their end; the folder's log has the rest.", is_note=True))
    return Section("Failed", blocks)


def _end(reason: str) -> str:
    line = " ↵ ".join(part.strip() for part in reason.splitlines() if part.strip())
    return line if len(line) <= _REASON else f"… {line[-_REASON:]}"
