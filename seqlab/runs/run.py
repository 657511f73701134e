"""The folder of a run, read again: its config, scores by epoch and in the end, and its answers beside the right ones."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import yaml

from seqlab.errors import DataError
from seqlab.types import Prediction

METRICS = "metrics.json"
"""The last file that a run writes."""
CONFIG = "config.yaml"


@final
@dataclass(frozen=True)
class AnsweredRecord:
    """A record of a scored split: what is right and what the model said, by head."""

    id: str | int
    tokens: list[str] | None
    """None where the records have none, as recordings have not."""
    gold: Mapping[str, Any]
    """As `Head.gold` returns it, tuples as lists; a head that the records have no target for is not there."""
    predictions: Mapping[str, Prediction]


@final
@dataclass(frozen=True)
class FinishedRun:
    """A run folder that training has left.

    Raises: DataError, from every member, naming the file that is missing or damaged.
    """

    path: Path

    @property
    def model(self) -> Path:
        """Folder of the bundle."""
        return self.path / "model"

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved config."""
        path = self._existing(CONFIG)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise DataError(f"{path}: no YAML ({' '.join(str(error).split()):.100})") from error
        if not isinstance(content, dict):
            raise DataError(f"{path}: {type(content).__name__}; expected the config of a run")
        return content

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, threads and git state."""
        return self._json("environment.json")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Nested scores by split, and under `training` the monitored metric, its best value, and epochs."""
        return self._json(METRICS)

    def history(self) -> dict[str, list[tuple[int, float]]]:
        """Return what was logged, by name: the epoch, counted from 0, and the value; nothing where no CSV was kept."""
        found: dict[str, list[tuple[int, float]]] = {}
        for path in sorted((self.path / "csv").rglob("metrics.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    for name, value in row.items():
                        if value and name not in ("epoch", "step") and row.get("epoch"):
                            found.setdefault(name, []).append((int(row["epoch"]), float(value)))
        return found

    def data_sets(self, split: str) -> list[str]:
        """Return the names of the data sets with answers for `split`: `""` for records that come from one."""
        folder = self.path / "predictions"
        return sorted(path.parent.relative_to(folder).as_posix().strip(".") for path in folder.rglob(f"{split}.jsonl"))

    def answers(self, split: str, *, data_set: str = "") -> Iterator[AnsweredRecord]:
        """Yield the records of a split with the answers of the best model, in the order of the data."""
        path = self._existing(Path("predictions", data_set, f"{split}.jsonl"))
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield _answered(line, place=f"{path}:{number}")

    def _json(self, name: str) -> dict[str, Any]:
        path = self._existing(name)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise DataError(f"{path}:{error.lineno}: no JSON ({error.msg})") from error
        if not isinstance(content, dict):
            raise DataError(f"{path}: {type(content).__name__}; expected an object")
        return content

    def _existing(self, name: str | Path) -> Path:
        path = self.path / name
        if not path.is_file():
            raise DataError(f"{path} is not there; expected the folder of a run that has ended, as runs/<date>_<time>")
        return path


def _answered(line: str, *, place: str) -> AnsweredRecord:
    try:
        content = json.loads(line)
        predictions = {name: _prediction(parts) for name, parts in content["predictions"].items()}
        return AnsweredRecord(content["id"], content["tokens"], content["gold"], predictions)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: no JSON ({error.msg})") from error
    except KeyError as error:
        raise DataError(f"{place}: {error} is missing; the run is of an older seqlab: train it anew") from error


def _prediction(parts: Mapping[str, Any]) -> Prediction:
    bounds = parts.get("bounds")
    return Prediction(
        parts["labels"],
        parts["confidences"],
        bounds=None if bounds is None else [(start, end) for start, end in bounds],
        span_confidences=parts.get("span_confidences"),
        value=parts.get("value"),
    )
