"""Tables of trials: groups over seeds with intervals, every trial, what was pruned, what failed."""

from collections.abc import Sequence

from seqlab.report.analysis.noise import LEVEL, Standing, standings
from seqlab.report.analysis.trials import COMPLETE, FAILED, PRUNED, SEED, Setting, Study, Trial, by_settings, varying
from seqlab.report.document.model import Block, Column, Kind, Paragraph, Section, Table
from seqlab.report.sweep.pictures import COSTS

_REASON = 400
"""Characters of a failure that are shown; the end tells most."""


def groups_section(study: Study) -> Section:
    """Return the settings with mean and interval over seeds, and marks for what is within noise."""
    title = "Settings over seeds"
    if not study.complete:
        return Section(title, [Paragraph("No trial has ended with a score.")])
    names = varying(study.trials)
    ranked = standings(by_settings(study.complete, names), study.main)
    if all(len(standing.trials) == 1 for standing in ranked):
        told = (
            "Each setting was run once, so nothing is known of the noise: differences between trials may be that of two seeds. "
            "Run the best settings with several seeds before choosing (repeat.seeds, or seed=1,2,3 in a sweep)."
        )
        return Section(title, [Paragraph(told)])
    told = (
        f"Trials that differ in their seed alone are one row, by {study.main.name}. The interval is one of 95 % for the mean, "
        f"by Student's t. The mark compares with the best row: worse, where Welch's test gives p < {LEVEL} after Holm's "
        "correction for the number of rows; else the difference is within noise. The best of many rows is partly best by luck."
    )
    table = Table(_group_columns(names, study), [_group_row(standing, names) for standing in ranked], highlighted=(0,))
    return Section(title, [Paragraph(told, is_note=True), table])


def _group_columns(names: Sequence[str], study: Study) -> list[Column]:
    numbers = ("mean", "from", "to", "standard deviation")
    columns = [*(Column(name) for name in names), Column("seeds", "count"), *(Column(name, "number") for name in numbers)]
    return [*columns, Column("against the best"), Column("p", "number")]


def _group_row(standing: Standing, names: Sequence[str]) -> list[Setting]:
    settings, summary = standing.trials[0].settings, standing.summary
    low, high = summary.interval or (None, None)
    row: list[Setting] = [_shown(settings.get(name)) for name in names]
    return [*row, summary.n, summary.mean, low, high, summary.sd, standing.mark, standing.p_value]


def trials_section(study: Study) -> Section:
    """Return every trial: those with a score, the best first, then the others."""
    names = varying(study.trials)
    has_seeds = len({repr(trial.settings.get(SEED)) for trial in study.trials}) > 1
    settings = [*names, *([SEED] if has_seeds else [])]
    values = _value_names(study)
    kinds: dict[str, Kind] = {"n_parameters": "count", "seconds": "number"}
    columns = [Column("trial"), Column("state"), *(Column(name) for name in settings)]
    columns += [*(Column(name, kinds.get(name, "number")) for name in values), Column("epochs", "count")]
    ranked = study.complete
    rest = [trial for trial in study.trials if trial not in ranked]
    rows = [_trial_row(trial, settings, values) for trial in [*ranked, *rest]]
    told = "Press a heading to sort. Runs that were pruned or failed have what is known of them."
    return Section("All trials", [Paragraph(told, is_note=True), Table(columns, rows, highlighted=(0,) if ranked else ())])


def _trial_row(trial: Trial, settings: Sequence[str], values: Sequence[str]) -> list[Setting]:
    own: list[Setting] = [_shown(trial.settings.get(name)) for name in settings]
    scores: list[Setting] = [_whole(name, trial.values.get(name)) for name in values]
    return [trial.name, trial.state, *own, *scores, max((epoch for epoch, _ in trial.curve), default=None)]


def _value_names(study: Study) -> list[str]:
    """Return the objectives, the same metrics on test, and costs, as far as any trial has them."""
    of_test = [objective.name.replace("val/", "test/", 1) for objective in study.objectives]
    wanted = dict.fromkeys([*(objective.name for objective in study.objectives), *of_test, *reversed(COSTS)])
    return [name for name in wanted if any(name in trial.values for trial in study.trials)]


def _whole(name: str, value: float | None) -> Setting:
    return round(value) if value is not None and name == "n_parameters" else value


def _shown(value: Setting) -> Setting:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else value


def pruned_section(study: Study) -> Section | None:
    """Return the trials that were stopped early, beside what the others had reached by then."""
    pruned = [trial for trial in study.trials if trial.state == PRUNED]
    if not pruned:
        return None
    done = [dict(trial.curve) for trial in study.trials if trial.state == COMPLETE]
    rows = [_pruned_row(trial, done, is_high=study.main.is_high) for trial in pruned]
    told = (
        f"Stopped early because their {study.monitor} was behind at that epoch, as the rule named above has it. Beside it "
        "stands the median at the same epoch of the trials that ran to the end, those that came later among them."
    )
    columns = [Column("trial"), Column("stopped after epoch", "count"), Column("value then", "number")]
    columns += [Column("median of complete trials", "number"), Column("share of them that were better", "share")]
    return Section("Pruned", [Paragraph(told), Table(columns, rows)])


def _pruned_row(trial: Trial, done: Sequence[dict[int, float]], *, is_high: bool) -> list[Setting]:
    if not trial.curve:
        return [trial.name, None, None, None, None]
    epoch, value = trial.curve[-1]
    others = sorted(curve[epoch] for curve in done if epoch in curve)
    if not others:
        return [trial.name, epoch, value, None, None]
    middle = len(others) // 2
    median = others[middle] if len(others) % 2 else (others[middle - 1] + others[middle]) / 2
    n_better = sum(other > value if is_high else other < value for other in others)
    return [trial.name, epoch, value, median, n_better / len(others)]


def failed_section(study: Study) -> Section | None:
    """Return the trials that failed, and why."""
    failed = [trial for trial in study.trials if trial.state == FAILED or (trial.reason and trial.state != COMPLETE)]
    if not failed:
        return None
    rows: list[list[Setting]] = [[trial.name, trial.state, _end(trial.reason), trial.folder] for trial in failed]
    blocks: list[Block] = [Table([Column("trial"), Column("state"), Column("why"), Column("folder")], rows)]
    if any(len(trial.reason) > _REASON for trial in failed):
        blocks.append(Paragraph("Of long reasons the end is shown; the whole is in the folder's log.", is_note=True))
    return Section("Failed", blocks)


def _end(reason: str) -> str:
    line = " ↵ ".join(part.strip() for part in reason.splitlines() if part.strip())
    return line if len(line) <= _REASON else f"… {line[-_REASON:]}"
