"""Resume from a checkpoint. It is read as data, never as code, and copied into the folder of the resuming run.

Lightning forgets the best checkpoint when the folder changes. So the checkpoint and its best one are copied into the new
folder, and the copy refers to the copies.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from seqlab.errors import ConfigError

LAST = "last.ckpt"


def read_checkpoint(path: Path, *, module: pl.LightningModule) -> dict[str, Any]:
    """Return the content of a checkpoint of `module`.

    Raises: ConfigError if the file is not a checkpoint, holds more than tensors and plain values, or is of another model.
    """
    try:
        # As data only: a checkpoint may come from elsewhere, and unpickling runs code.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise ConfigError(f"ckpt_path is {str(path)!r}, which is not a checkpoint of seqlab ({reason})") from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise ConfigError(f"ckpt_path is {str(path)!r}, which has no weights; expected a run's last.ckpt or best.ckpt")
    found, expected = _shapes(content["state_dict"]), _shapes(module.state_dict())
    different = sorted(name for name, _ in found.items() ^ expected.items())
    if different:
        name = different[0]
        shapes = f"{name} is {found.get(name, 'absent')} there and {expected.get(name, 'absent')} here"
        raise ConfigError(f"ckpt_path is {str(path)!r}, of another model: {shapes}; use the overrides and data of that run")
    return content


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def adopted(path: Path, *, trainer: pl.Trainer, module: pl.LightningModule) -> Path:
    """Return a checkpoint equal to that in `path`, from which `trainer` can resume `module` in its own folder."""
    content = read_checkpoint(path, module=module)
    folder = getattr(trainer.checkpoint_callback, "dirpath", None)
    if folder is None:
        return path
    states = [state for name, state in content["callbacks"].items() if name.startswith("ModelCheckpoint")]
    if all(state["dirpath"] == folder for state in states):
        return path
    for state in states:
        _move(state, source=path.parent, target=Path(folder))
    torch.save(content, Path(folder) / LAST)
    return Path(folder) / LAST


def _move(state: dict[str, Any], *, source: Path, target: Path) -> None:
    """Copy the checkpoints that `state` refers to from `source` to `target`, and refer to the copies."""
    target.mkdir(parents=True, exist_ok=True)
    names = {Path(path).name for path in (state["best_model_path"], *state["best_k_models"]) if path}
    present = {name for name in names if (source / name).is_file()}
    for name in present:
        if not (target / name).exists() or not (source / name).samefile(target / name):
            shutil.copyfile(source / name, target / name)
    for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
        state[key] = str(target / Path(state[key]).name) if state[key] else ""
    state["best_k_models"] = {str(target / Path(p).name): score for p, score in state["best_k_models"].items()}
    # Lightning keeps the best score only if the folder is its own.
    if present == names:
        state["dirpath"] = str(target)
