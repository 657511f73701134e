"""The folders of a sweep: one a trial, named by its number, and never written over."""

import itertools
import json
from pathlib import Path
from typing import Any

from seqlab.errors import ConfigError
from seqlab_sweep.stores import Store

NOTE = "study.json"
"""Says, in the folder of a sweep, which study is meant, for `seqlab sweep`."""


def check_unused(folder: Path) -> None:
    """Refuse a folder with trials of which its study, just begun, knows nothing.

    Raises: ConfigError.
    """
    taken = sorted((path.name for path in folder.glob("[0-9]*") if path.is_dir()), key=lambda name: (len(name), name))
    if taken:
        raise ConfigError(
            f"{folder} has folders of trials ({', '.join(taken[:3])}{' …' if len(taken) > 3 else ''}), and the study has none;"
            " choose another hydra.sweeper.study_name, or move them"
        )


def make_folder(root: Path, number: int, *, attempt: int) -> Path:
    """Make the folder of a trial; what an earlier attempt left goes to `<number>.attempt-<k>`."""
    folder = root / str(number)
    if folder.exists():
        names = (_attempt_folder(root, number, k) for k in itertools.count(max(1, attempt - 1)))
        folder.rename(next(name for name in names if not name.exists()))
    folder.mkdir(parents=True)
    return folder


def earlier_folders(root: Path, number: int, *, attempts: range) -> list[Path]:
    """Return the folders of earlier attempts at a trial, the latest first."""
    return [_attempt_folder(root, number, k) for k in reversed(attempts)]


def _attempt_folder(root: Path, number: int, attempt: int) -> Path:
    return root / f"{number}.attempt-{attempt}"


def note(folder: Path, *, store: Store, study: str) -> None:
    """Write down which study the folder is of; a password is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"storage": str(store), "study": study}
    (folder / NOTE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def noted(folder: Path) -> dict[str, Any] | None:
    """Return what was written down; None for a folder of no sweep."""
    path = folder / NOTE
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
