"""The summary over repetitions, `repeats.json`, updated after each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seqlab.metrics.flat_scores import flat_scores
from seqlab.metrics.significance import summarise
from seqlab.runs.repeated_run import FORMAT
from seqlab.runs.run import METRICS, FinishedRun
from seqlab.training.repeats.plan import Repetition
from seqlab.training.repeats.workers import ERROR

MONITORED = "monitored"
"""Name of the best value of the monitored metric, which sweeps optimise."""


def has_ended(folder: Path) -> bool:
    """Return whether the run in `folder` has finished."""
    return (folder / METRICS).is_file()


def summary(repetitions: Sequence[Repetition], *, n_folds: int | None, mode: str) -> dict[str, Any]:
    """Return the content of `repeats.json`; `mode` (`max` or `min`) decides which repetition is best."""
    metrics = {one.folder.name: FinishedRun(one.folder).metrics for one in repetitions if has_ended(one.folder)}
    monitored = {name: content["training"]["best"] for name, content in metrics.items()}
    return {
        "format": FORMAT,
        "seeds": list(dict.fromkeys(one.seed for one in repetitions)),
        "folds": n_folds,
        "monitor": next((content["training"]["monitor"] for content in metrics.values()), None),
        "best": _best(monitored, mode=mode),
        "repetitions": [_state(one, monitored=monitored) for one in repetitions],
        "metrics": _summaries({name: _flat(content) for name, content in metrics.items()}, n_folds=n_folds),
        "out_of_fold": {},
    }


def nested(flat: Mapping[str, float]) -> dict[str, Any]:
    """Turn values by path into nested mappings, as in a single run's scores."""
    root: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, leaf = path.split("/")
        node = root
        for name in parents:
            node = node.setdefault(name, {})
        node[leaf] = value
    return root


def _state(one: Repetition, *, monitored: Mapping[str, float | None]) -> dict[str, Any]:
    name, error = one.folder.name, one.folder / ERROR
    is_failed = name not in monitored and error.is_file()
    return {
        "name": name,
        "seed": one.seed,
        "fold": one.fold,
        "status": "finished" if name in monitored else "failed" if is_failed else "pending",
        "monitored": monitored.get(name),
        "error": _first_line(error) if is_failed else None,
    }


def _first_line(path: Path) -> str:
    # A process that was killed while it wrote the file leaves it empty.
    return next(iter(path.read_text(encoding="utf-8").splitlines()), "killed before it could say why")


def _best(monitored: Mapping[str, float | None], *, mode: str) -> str | None:
    """Return the repetition with the best value, the first on ties or if nothing was monitored."""
    known = {name: value for name, value in monitored.items() if value is not None}
    if not known:
        return next(iter(monitored), None)
    return (min if mode == "min" else max)(known, key=known.__getitem__)


def _flat(metrics: Mapping[str, Any]) -> dict[str, float]:
    found = flat_scores({name: value for name, value in metrics.items() if name != "training"})
    best = metrics["training"]["best"]
    return found if best is None else {**found, MONITORED: best}


def _summaries(values: Mapping[str, Mapping[str, float]], *, n_folds: int | None) -> dict[str, Any]:
    names = list(dict.fromkeys(name for found in values.values() for name in found))
    by_name = {name: {run: found[name] for run, found in values.items() if name in found} for name in names}
    return {
        name: {"values": found, **asdict(summarise(list(found.values()), n_folds=n_folds))} for name, found in by_name.items()
    }
