"""Tables of trials: groups over seeds, all trials, pruned and failed ones."""

import statistics
from collections.abc import Sequence

from seqlab.report.analysis.noise import LEVEL, standings
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
    numbers = [Column(name, "number") for name in ("mean", "from", "to", "standard deviation")]
    columns = [*map(Column, names), Column("seeds", "count"), *numbers, Column("against the best"), Column("p", "number")]
    rows = [
        [*_settings(trials[0], names), s.n, s.mean, *(s.interval or (None, None)), s.sd, mark, p_value]
        for trials, s, mark, p_value in ranked
    ]
    return Section(title, [Paragraph(note, is_note=True), Table(columns, rows, highlighted=(0,))])


def _settings(trial: Trial, names: Sequence[str]) -> list[Setting]:
    return [shown_setting(trial.settings.get(name)) for name in names]


def trials_section(study: Study) -> Section:
    """Return every trial: scored ones first, from the best on, then the others."""
    has_seeds = len({repr(trial.settings.get(SEED)) for trial in study.trials}) > 1
    settings = [*varying(study.trials), *([SEED] if has_seeds else [])]
    # The objectives, the same metrics on test data, and the costs, as far as trials have them.
    objectives = [objective.name for objective in study.objectives]
    of_test = [name.replace("val/", "test/", 1) for name in objectives]
    wanted = dict.fromkeys([*objectives, *of_test, *reversed(COSTS)])
    values = [name for name in wanted if any(name in trial.values for trial in study.trials)]
    columns = [Column("trial"), Column("state"), *map(Column, settings)]
    columns += [*(Column(name, "count" if name == _SIZE else "number") for name in values), Column("epochs", "count")]
    ranked = study.complete
    rest = [trial for trial in study.trials if trial not in ranked]
    rows = [_trial_row(trial, settings, values) for trial in [*ranked, *rest]]
    note = "Press a heading to sort. Pruned and failed runs show what is known of them."
    return Section("All trials", [Paragraph(note, is_note=True), Table(columns, rows, highlighted=(0,) if ranked else ())])


def _trial_row(trial: Trial, settings: Sequence[str], values: Sequence[str]) -> list[Setting]:
    scores: dict[str, float] = dict(trial.values)
    if _SIZE in scores:
        scores[_SIZE] = round(scores[_SIZE])
    n_epochs = max((epoch for epoch, _ in trial.curve), default=None)
    return [trial.name, trial.state, *_settings(trial, settings), *map(scores.get, values), n_epochs]


def pruned_section(study: Study) -> Section | None:
    """Return the trials that were stopped early, next to the median of the others at that epoch."""
    done = [dict(trial.curve) for trial in study.trials if trial.state == COMPLETE]
    rows = [_pruned_row(trial, done, is_high=study.main.is_high) for trial in study.trials if trial.state == PRUNED]
    if not rows:
        return None
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
    others = [curve[epoch] for curve in done if epoch in curve]
    if not others:
        return [trial.name, epoch, value, None, None]
    n_better = sum(other > value if is_high else other < value for other in others)
    return [trial.name, epoch, value, statistics.median(others), n_better / len(others)]


def failed_section(study: Study) -> Section | None:
    """Return the trials that failed, with reasons."""
    failed = [trial for trial in study.trials if trial.state == FAILED or (trial.reason and trial.state != COMPLETE)]
    if not failed:
        return None
    rows = [[trial.name, trial.state, _end(trial.reason), trial.folder] for trial in failed]
    blocks: list[Block] = [Table([Column("trial"), Column("state"), Column("why"), Column("folder")], rows)]
    if any(len(trial.reason) > _REASON for trial in failed):
        blocks.append(Paragraph("Long reasons show only their end; the folder's log has the rest.", is_note=True))
    return Section("Failed", blocks)


def _end(reason: str) -> str:
    line = " ↵ ".join(part.strip() for part in reason.splitlines() if part.strip())
    return line if len(line) <= _REASON else f"… {line[-_REASON:]}"
