"""Read and write checkpoint files: atomically, as data only, and with every byte checked before use.

A checkpoint is a zip archive, whose records have a CRC-32 each; torch does not check them on its own.
"""

import logging
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, final

import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from torch import Tensor

from seqlab.data.atomic_write import replacing
from seqlab.errors import CheckpointError

log = logging.getLogger(__name__)
LAST, PREVIOUS, BEST = "last.ckpt", "last.previous.ckpt", "best.ckpt"
_BAD_ARCHIVE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, RuntimeError, ValueError)
_BAD_CONTENT = (UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, OSError)


@final
class CheckpointFiles(CheckpointIO):
    """Lightning's way to checkpoint files: replaces a file only by one that is complete on disk and can be read.

    Lightning's own writes to the folder of temporary files first; where that is another file system, the last step is a
    copy, and a process killed during it leaves neither the old nor the new file.
    """

    def __init__(self) -> None:
        self.prepared: dict[Path, dict[str, Any]] = {}
        """Contents to load in place of those of files, once each: checkpoints adapted to the resuming run."""
        self._good: set[Path] = set()
        """Files that this process has checked."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None) -> None:
        """Write a checkpoint. The one that `last.ckpt` replaces is kept as `last.previous.ckpt`.

        Raises: CheckpointError, with the old file unchanged, if the file cannot be written.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(target) as unfinished:
                torch.save(checkpoint, unfinished)
                check_bytes(unfinished)
                # The old file is checked before it becomes the reserve, so that a damaged one never replaces a good one.
                if target.name == LAST and (target in self._good or _is_good(target)):
                    _keep(target, target.with_name(PREVIOUS))
            self._good.add(target)
        # torch reports a full disk and short writes as RuntimeError.
        except (OSError, RuntimeError, CheckpointError) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
            kept = "the checkpoint before it is unchanged" if target.exists() else "there is no checkpoint yet"
            raise CheckpointError(
                f"{target}: cannot be written ({reason}); {kept}; free space or fix access, and resume"
            ) from error

    def load_checkpoint(self, path: str | os.PathLike[str], map_location: Any = None, weights_only: bool | None = None) -> Any:
        """Return the content of a checkpoint, on the CPU; always read as data only."""
        # Popped, because it serves one load only: later ones, as of the best checkpoint, must read the file.
        return self.prepared.pop(Path(path), None) or load(Path(path))

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def load(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint that holds weights.

    Raises: CheckpointError if the file is no checkpoint, is damaged, or holds more than tensors and plain values.
    """
    check_bytes(path)
    try:
        # As data only: a checkpoint may come from elsewhere, and unpickling runs code.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _BAD_CONTENT as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise CheckpointError(f"{path} is not a checkpoint of seqlab ({reason})") from error
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise CheckpointError(f"{path} has no weights; expected a run's {LAST} or {BEST}")
    # Lightning looks up the version to migrate from, which a file of weights alone does not have.
    return {"pytorch-lightning_version": version("pytorch-lightning"), **content}


def load_newest(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint; of a `last.ckpt` that is damaged or gone, that of the one before it.

    Raises: CheckpointError if that cannot be read either.
    """
    try:
        return load(path)
    except CheckpointError as error:
        previous = path.with_name(PREVIOUS)
        if path.name != LAST or not previous.is_file():
            raise
        content = load(previous)
        log.warning("%s; resuming from %s, the checkpoint before it", error, previous)
        return content


def newest_in(folder: Path) -> Path | None:
    """Return the last checkpoint of a run folder, or the one before it; None if there is none."""
    paths = (folder / "checkpoints" / name for name in (LAST, PREVIOUS))
    return next((path for path in paths if path.is_file()), None)


def check_bytes(path: Path) -> None:
    """Raise CheckpointError unless `path` is a zip archive whose records match their CRCs."""
    if not path.is_file():  # reading a pipe would wait for ever
        raise CheckpointError(f"{path} is not a file; expected a run's {LAST} or {BEST}")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except _BAD_ARCHIVE as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise CheckpointError(f"{path} is not a checkpoint of seqlab, or damaged ({reason})") from error
    if damaged is not None:
        raise CheckpointError(f"{path} is damaged: {damaged} does not match its checksum; use another checkpoint of the run")


def _is_good(path: Path) -> bool:
    try:
        check_bytes(path)
    except CheckpointError:
        return False
    return True


def _keep(path: Path, copy: Path) -> None:
    """Make `copy` the same file as `path`, atomically."""
    with replacing(copy) as unfinished:
        unfinished.unlink(missing_ok=True)
        try:
            # A hard link costs no time or space; the file itself is only ever replaced, never written to.
            os.link(path, unfinished)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, unfinished)
