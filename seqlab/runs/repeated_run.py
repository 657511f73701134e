"""Read the folder of a repeated run: its repetitions, and their summary in `repeats.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

from seqlab.errors import DataError
from seqlab.runs.json_files import read_object
from seqlab.runs.run import FinishedRun

REPEATS = "repeats.json"
FORMAT = 1
_NAMED = {"name", "status"}
OUT_OF_FOLD = "out_of_fold_seed_{}"
"""File name of the out-of-fold predictions of a seed, in place of a split."""


@final
@dataclass(frozen=True)
class FinishedRepeat:
    """The folder of a repeated run, with a run folder for each repetition.

    Raises: DataError, from every member, naming the file that is missing or damaged.
    """

    path: Path

    @staticmethod
    def is_at(path: Path) -> bool:
        """Return whether `path` is the folder of a repeated run."""
        return (path / REPEATS).is_file()

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """The content of `repeats.json`."""
        path = self.path / REPEATS
        content = read_object(path, expected="the summary of a run with repeat.seeds or repeat.folds", version=FORMAT)
        repetitions = content.get("repetitions")
        if not isinstance(repetitions, list) or not all(isinstance(one, dict) and one.keys() >= _NAMED for one in repetitions):
            raise DataError(f"{path}: no valid repetitions; run it again in the same folder")
        return content

    @property
    def best(self) -> str | None:
        """Name of the best repetition by validation; None if none has finished."""
        name = self.content.get("best")
        return None if name is None else str(name)

    @property
    def names(self) -> list[str]:
        """Names of the finished repetitions, which are their folders."""
        return [one["name"] for one in self.content["repetitions"] if one["status"] == "finished"]

    @property
    def n_folds(self) -> int | None:
        """Number of folds of the cross-validation; None without folds."""
        folds: int | None = self.content["folds"]
        return folds

    @property
    def runs(self) -> dict[str, FinishedRun]:
        """The finished repetitions, by name."""
        return {name: FinishedRun(self.path / name) for name in self.names}
