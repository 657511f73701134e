"""The folder of a run that was repeated, read again: its repetitions, and what `repeats.json` says of them together."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

from seqlab.errors import DataError
from seqlab.runs.run import FinishedRun

REPEATS = "repeats.json"
FORMAT = 1
_NAMED = {"name", "status"}
OUT_OF_FOLD = "out_of_fold_seed_{}"
"""Name of the answers of the cross-validation with a seed, among those of splits."""


@final
@dataclass(frozen=True)
class FinishedRepeat:
    """A folder with a run folder for each repetition.

    Raises: DataError, from every member, naming the file that is missing or damaged.
    """

    path: Path

    @staticmethod
    def is_at(path: Path) -> bool:
        """Return whether `path` is the folder of a repeated run."""
        return (path / REPEATS).is_file()

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """What `repeats.json` says."""
        path = self.path / REPEATS
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path} is not there; expected the folder of a run with repeat.seeds or repeat.folds") from error
        except json.JSONDecodeError as error:
            raise DataError(f"{path}:{error.lineno}: no JSON ({error.msg})") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: no UTF-8 at byte {error.start}; expected what a repeated run leaves") from error
        if not isinstance(content, dict):
            raise DataError(f"{path}: {type(content).__name__}; expected what a repeated run leaves")
        if content.get("format") != FORMAT:
            found = content.get("format")
            raise DataError(f"{path}: format is {found!r}; this seqlab reads format {FORMAT}; update seqlab")
        repetitions = content.get("repetitions")
        if not isinstance(repetitions, list) or not all(isinstance(one, dict) and one.keys() >= _NAMED for one in repetitions):
            raise DataError(f"{path}: no repetitions in it; expected what a repeated run leaves")
        return content

    @property
    def best(self) -> str | None:
        """Name of the repetition that is the best by validation; None where none has ended."""
        name = self.content.get("best")
        return None if name is None else str(name)

    @property
    def names(self) -> list[str]:
        """Names of the repetitions that have ended: their folders."""
        return [one["name"] for one in self.content["repetitions"] if one["status"] == "finished"]

    @property
    def n_folds(self) -> int | None:
        """Folds of the cross-validation; None where repetitions differ by their seed alone."""
        folds: int | None = self.content["folds"]
        return folds

    @property
    def runs(self) -> dict[str, FinishedRun]:
        """The repetitions that have ended, by name."""
        return {name: FinishedRun(self.path / name) for name in self.names}
