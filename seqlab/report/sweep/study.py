"""Read a study exported by `seqlab sweep export`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqlab.errors import DataError
from seqlab.report.analysis.trials import COMPLETE, PRUNED, Objective, Study, Trial
from seqlab.runs.json_files import read_object

FORMAT = "seqlab-sweep/1"
MONITOR = "monitor"
_EXPORT = "`seqlab sweep export STUDY -o trials.json`"


def read_study(path: Path) -> Study:
    """Read the study in a file.

    Raises: DataError for a file that is not a study, or has a different format.
    """
    content = read_object(path, expected=f"a study from {_EXPORT}", version=FORMAT)
    try:
        return _study(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error}); export it again: {_EXPORT}") from error


def _study(content: Mapping[str, Any]) -> Study:
    objectives = [_objective(each, content["monitor"]) for each in content["objectives"]]
    counts = ", ".join(f"{n} {state}" for state, n in content["counts"].items() if n)
    facts = [
        ("study", content["study"]),
        ("storage", content["storage"]),
        ("folder", content["folder"]),
        ("trials", f"{counts} (asked for: {content['n_trials']})"),
        ("objectives", ", ".join(f"{'highest' if each.is_high else 'lowest'} {each.name}" for each in objectives)),
        ("sampler", content["sampler"]),
        ("pruner", content["pruner"]),
        ("common settings", " ".join(content["overrides"])),
    ]
    trials = [_trial(each, objectives) for each in content["trials"]]
    monitor = content["monitor"] or objectives[0].name
    return Study(content["study"], objectives, monitor, trials, facts, content["importance"])


def _objective(content: Mapping[str, Any], monitor: str | None) -> Objective:
    """Return an objective; the name `monitor` stands for the monitored metric."""
    is_monitor = content["name"] == MONITOR and monitor is not None
    return Objective(str(monitor) if is_monitor else content["name"], content["direction"] == "maximize")


def _trial(content: Mapping[str, Any], objectives: list[Objective]) -> Trial:
    names = [objective.name for objective in objectives]
    values = {name: float(value) for name, value in content["measures"].items() if value is not None}
    if content["seconds"] is not None:
        values["seconds"] = float(content["seconds"])
    # A running trial may have a value that is not final.
    if content["values"] is not None and content["state"] in (COMPLETE, PRUNED):
        values |= dict(zip(names, map(float, content["values"]), strict=True))
    return Trial(
        name=str(content["number"]),
        state=content["state"],
        settings=content["params"],
        values=values,
        curve=[(int(epoch), float(value)) for epoch, value in content["intermediate"]],
        reason=content["failure"] or "",
        folder=content["folder"] or "",
    )
