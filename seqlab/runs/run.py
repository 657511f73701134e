"""Read the folder of a finished run: its config, its metrics, and its predictions next to gold."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, final

import yaml

from seqlab.errors import DataError
from seqlab.runs.json_files import read_object
from seqlab.types import Prediction

METRICS = "metrics.json"
"""The file that a run writes last."""
CONFIG = "config.yaml"
_LATER = MappingProxyType({"ckpt_check": True, "init_from": None})
"""Settings that runs of earlier versions lack -> what these did."""
_FOLDER = "the folder of a finished run, such as runs/<date>_<time>"


class AnsweredRecord(NamedTuple):
    """A record of a scored split, with gold and predictions by head."""

    id: str | int
    tokens: list[str] | None
    """None for records without tokens, such as recordings."""
    gold: Mapping[str, Any]
    """As `Head.gold` returns it, with tuples as lists; without heads for which the records have no target."""
    predictions: Mapping[str, Prediction]


@final
@dataclass(frozen=True)
class FinishedRun:
    """The folder of a finished run.

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
            # The safe loader: the full one can build arbitrary Python objects.
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise DataError(f"{path}: not YAML ({' '.join(str(error).split()):.100})") from error
        if not isinstance(content, dict):
            raise DataError(f"{path} holds a {type(content).__name__}; expected the config of a run")
        return {**_LATER, **content}

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, threads and git state."""
        return read_object(self.path / "environment.json", expected=_FOLDER)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Nested scores by split, and under `training` the monitored metric, its best value, and the number of epochs."""
        return read_object(self.path / METRICS, expected=_FOLDER)

    def history(self) -> dict[str, list[tuple[int, float]]]:
        """Return the logged values by name, as (epoch from 0, value); empty without a CSV logger."""
        found: dict[str, list[tuple[int, float]]] = {}
        # A resumed run has a folder of metrics for each start.
        for path in sorted((self.path / "csv").rglob("metrics.csv"), key=_by_number):
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    for name, value in row.items():
                        # The CSV logger leaves cells empty for metrics that it did not log at that step.
                        if value and name not in ("epoch", "step") and row.get("epoch"):
                            found.setdefault(name, []).append((int(row["epoch"]), float(value)))
        return found

    def data_sets(self, split: str) -> list[str]:
        """Return the names of the data sets with predictions for `split`; a single, unnamed data set is `""`."""
        folder = self.path / "predictions"
        return sorted(path.parent.relative_to(folder).as_posix().strip(".") for path in folder.rglob(f"{split}.jsonl"))

    def answers(self, split: str, *, data_set: str = "") -> Iterator[AnsweredRecord]:
        """Yield the records of a split with the predictions of the best model, in data order."""
        path = self._existing(Path("predictions", data_set, f"{split}.jsonl"))
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield _answered(line, place=f"{path}:{number}")

    def _existing(self, name: str | Path) -> Path:
        path = self.path / name
        if not path.is_file():
            raise DataError(f"{path} does not exist; expected {_FOLDER}")
        return path


def _answered(line: str, *, place: str) -> AnsweredRecord:
    try:
        content = json.loads(line)
        predictions = {name: _prediction(parts) for name, parts in content["predictions"].items()}
        return AnsweredRecord(content["id"], content["tokens"], content["gold"], predictions)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: not JSON ({error.msg})") from error
    # Older runs lack some keys, and only training can add them.
    except KeyError as error:
        raise DataError(f"{place}: {error} is missing; the run was made by an older seqlab; train it again") from error


def _prediction(parts: Mapping[str, Any]) -> Prediction:
    further = {name: parts[name] for name in ("span_confidences", "value") if name in parts}
    if "bounds" in parts:
        further["bounds"] = [(start, end) for start, end in parts["bounds"]]
    return Prediction(parts["labels"], parts["confidences"], **further)


def _by_number(path: Path) -> list[int | str]:
    """Return a key that sorts `version_10` after `version_2`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))]
