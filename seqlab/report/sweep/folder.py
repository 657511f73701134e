"""Read the runs below a folder as trials."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from safetensors import SafetensorError, safe_open

from seqlab.config.tree import leaves
from seqlab.errors import DataError
from seqlab.metrics.flat_scores import flat_scores
from seqlab.model.bundle_files import WEIGHTS_FILE
from seqlab.report.analysis.trials import COMPLETE, FAILED, SEED, Objective, Setting, Study, Trial, varying
from seqlab.report.run.header import command_line
from seqlab.report.run.learning import by_epoch
from seqlab.runs.repeated_run import FinishedRepeat
from seqlab.runs.run import CONFIG, FinishedRun

_OVERRIDES = Path(".hydra", "overrides.yaml")
_PLACES = ("paths.", "hydra.", "ckpt_path")
"""Settings that locate a run rather than describe it."""
_SCALAR = (str, int, float, bool)


def read_folder(path: Path) -> Study:
    """Read the runs below a folder as a study; its objective is the metric that most runs monitor.

    Raises: DataError if there are no runs.
    """
    names = sorted((folder.relative_to(path).as_posix() for folder in _run_folders(path)), key=_by_number)
    runs = {name: FinishedRun(path / name) for name in names}
    if not runs:
        raise DataError(f"{path}: no runs here or below; expected folders with {CONFIG}, as training writes them")
    monitors = [str(run.config.get("monitor")) for run in runs.values()]
    # The first of equally frequent ones, in the order of the runs.
    monitor = max(dict.fromkeys(monitors), key=monitors.count)
    others = {name for name, of_run in zip(runs, monitors, strict=True) if of_run != monitor}
    first = next(iter(runs.values()))
    trials = [_trial(name, run, monitor=monitor, is_other=name in others) for name, run in runs.items()]
    facts: list[tuple[str, Setting]] = [("folder", str(path)), ("runs", len(trials)), ("monitored", monitor)]
    if (first.path / "environment.json").is_file() and (command := command_line(first)):
        facts.append(("first command", command))
    if others:
        facts.append(("not ranked", f"{', '.join(sorted(others))}: they monitor a different metric"))
    objective = Objective(monitor, is_high=first.config.get("monitor_mode", "max") == "max")
    return Study(path.resolve().name, [objective], monitor, _distinct(trials), facts)


def _run_folders(path: Path) -> Iterator[Path]:
    for config in sorted(path.rglob(CONFIG)):
        folder, parts = config.parent, config.relative_to(path).parts
        # Earlier attempts of a trial, which its last one replaces.
        is_attempt = any(".attempt-" in part for part in parts)
        if folder != path and ".hydra" not in folder.parts and not is_attempt and not FinishedRepeat.is_at(folder):
            yield folder


def _by_number(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts 10 after 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _trial(name: str, run: FinishedRun, *, monitor: str, is_other: bool) -> Trial:
    history = run.history()
    curve = [] if is_other else by_epoch(history, monitor)
    settings = {**_settings(run), SEED: run.config.get("seed")}
    if not (run.path / "metrics.json").is_file():
        note = "no metrics.json: the run failed, was stopped, or has not finished"
        return Trial(name, FAILED, settings, {}, curve, reason=note, folder=str(run.path))
    values = {f"test/{key}": value for key, value in flat_scores(run.metrics.get("test", {})).items()}
    best = run.metrics.get("training", {}).get("best")
    # A diverged run may have NaN or infinity as its best value, which cannot be ranked.
    if best is not None and not is_other and math.isfinite(best):
        values[monitor] = float(best)
    # Summed over epochs, without the time for loading and testing.
    if seconds := history.get("train/seconds"):
        values["seconds"] = sum(value for _, value in seconds)
    if (n_parameters := _n_parameters(run.model / WEIGHTS_FILE)) is not None:
        values["n_parameters"] = float(n_parameters)
    return Trial(name, COMPLETE, settings, values, curve, folder=str(run.path))


def _settings(run: FinishedRun) -> dict[str, Setting]:
    """Return the overrides of a run; for runs started from Python, the whole config."""
    path = run.path / _OVERRIDES
    if path.is_file():
        words = (word.lstrip("+~").partition("=") for word in yaml.safe_load(path.read_text(encoding="utf-8")) or [])
        found = {name: _parsed(value) for name, _, value in words}
    else:
        values = {name: value for name, value in leaves(run.config) if not isinstance(value, Mapping)}
        found = {name: value if isinstance(value, _SCALAR) else json.dumps(value) for name, value in values.items()}
    return {name: value for name, value in found.items() if not name.startswith(_PLACES)}


def _parsed(text: str) -> Setting:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    return value if isinstance(value, _SCALAR) else text


def _distinct(trials: Sequence[Trial]) -> list[Trial]:
    """Keep the settings that differ between trials; of those that always differ together, the one with the shortest name."""
    patterns: dict[tuple[str, ...], str] = {}
    for name in sorted(varying(trials), key=len):
        values = [repr(trial.settings.get(name)) for trial in trials]
        # Settings that contain the run folder, such as output paths, differ without meaning anything.
        if not any(trial.folder in value for trial, value in zip(trials, values, strict=True)):
            # Settings with the same pattern of equal values vary together.
            first = {value: str(i) for i, value in reversed(list(enumerate(values)))}
            patterns.setdefault(tuple(first[value] for value in values), name)
    kept = (*patterns.values(), SEED)
    return [trial._replace(settings={name: trial.settings.get(name) for name in kept}) for trial in trials]


def _n_parameters(path: Path) -> int | None:
    """Return the number of weights of a model, read from the header of its file; None if that fails."""
    try:
        with safe_open(path, framework="numpy") as file:
            return sum(int(math.prod(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118 — no mapping
    except (OSError, SafetensorError):
        return None
