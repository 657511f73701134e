"""The folders of a sweep: one per trial, named by its number and never overwritten."""

import itertools
import json
from pathlib import Path
from typing import Any

from seqlab.errors import ConfigError
from seqlab_sweep.stores import Store

NOTE = "study.json"
"""File in the folder of a sweep that records its study, for `seqlab sweep`."""


def check_unused(folder: Path) -> None:
    """Raise ConfigError if the folder of a new study already has trial folders."""
    taken = sorted((path.name for path in folder.glob("[0-9]*") if path.is_dir()), key=lambda name: (len(name), name))
    if taken:
        raise ConfigError(
            f"{folder} already has trial folders ({', '.join(taken[:3])}{' …' if len(taken) > 3 else ''}), but the study is"
            " new; choose another hydra.sweeper.study_name, or move these folders"
        )


def make_folder(root: Path, number: int, *, attempt: int) -> Path:
    """Create the folder of a trial; the folder of an earlier attempt is renamed to `<number>.attempt-<k>`."""
    folder = root / str(number)
    if folder.exists():
        paths = (_attempt_folder(root, number, k) for k in itertools.count(max(1, attempt - 1)))
        folder.rename(next(path for path in paths if not path.exists()))
    folder.mkdir(parents=True)
    return folder


def earlier_folders(root: Path, number: int, *, attempts: range) -> list[Path]:
    """Return the folders of earlier attempts at a trial, latest first."""
    return [_attempt_folder(root, number, k) for k in reversed(attempts)]


def _attempt_folder(root: Path, number: int, attempt: int) -> Path:
    return root / f"{number}.attempt-{attempt}"


def note(folder: Path, *, store: Store, study: str) -> None:
    """Record which study the folder belongs to, without the password of its storage URL."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"storage": str(store), "study": study}
    (folder / NOTE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def noted(folder: Path) -> dict[str, Any] | None:
    """Return the record that `note` wrote; None if the folder has none."""
    path = folder / NOTE
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
