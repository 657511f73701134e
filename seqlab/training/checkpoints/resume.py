"""Resume from a checkpoint, after checks that it belongs to this run.

Lightning forgets the best checkpoint when the folder changes. So that one is copied into the new folder, and the state of the
callback refers to the copy.
"""

import logging
import shutil
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl

from seqlab.errors import CheckpointError
from seqlab.model.weights import fault_in
from seqlab.training.checkpoints.files import CheckpointFiles, load, load_newest
from seqlab.training.checkpoints.origin import check_origin
from seqlab.training.checkpoints.settings import check_changes, with_new_options
from seqlab.training.module import ORIGIN, LabelerModule

log = logging.getLogger(__name__)
_PARTS = {
    "callbacks": Mapping,
    "loops": Mapping,
    "optimizer_states": list,
    "lr_schedulers": list,
    "epoch": int,
    "global_step": int,
}
_UNFIT = (LookupError, TypeError, ValueError, AttributeError, RuntimeError)


def check_scored(path: Path, *, module: LabelerModule, is_checked: bool) -> None:
    """Check a checkpoint before its weights are scored.

    Raises: CheckpointError if it is damaged, or belongs to another model; without `is_checked`, only its shapes must fit.
    """
    _check_model(load(path), path=path, module=module, is_checked=is_checked)


def resume_from(path: Path, *, trainer: pl.Trainer, module: LabelerModule, is_checked: bool, is_finish: bool = False) -> None:
    """Let `trainer` load `path` as if the run had been in its folder, with new learning rates and weight decays in effect.

    With `is_finish`, training then ends at once, after the epochs that it had.

    Raises: CheckpointError if the checkpoint is damaged, belongs to another model, or to another optimiser or schedule;
        without `is_checked`, the weights must have the same shapes only.
    """
    content = load_newest(path)
    _check_model(content, path=path, module=module, is_checked=is_checked)
    origin = content.get(ORIGIN)
    if module.origin is not None and isinstance(origin, Mapping):
        check_changes(origin["optimisation"], module.origin["optimisation"], path=path)
    for name, kind in _PARTS.items():
        if not isinstance(content.get(name), kind):
            raise CheckpointError(f"{path} has no {name}, so it can be scored (train=false) but not resumed")
    try:
        content = _with_own_options(content, trainer=trainer, module=module)
        _move_best(content["callbacks"], path.parent, trainer=trainer)
        # A copy, because Lightning loads the same content again when it starts.
        trainer.fit_loop.load_state_dict(deepcopy(content["loops"]["fit_loop"]))
        if is_finish:
            trainer.fit_loop.max_epochs = content["epoch"] + 1
    except _UNFIT as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:150]
        raise CheckpointError(f"{path} cannot be resumed: {reason}; use another checkpoint of the run") from error
    cast(CheckpointFiles, trainer.strategy.checkpoint_io).prepared[path] = content


def _check_model(content: Mapping[str, Any], *, path: Path, module: LabelerModule, is_checked: bool) -> None:
    origin = content.get(ORIGIN)
    if not is_checked:
        log.warning("ckpt_check=false: %s is used whatever words and labels it was trained with", path)
    elif module.origin is not None and isinstance(origin, Mapping):
        check_origin(origin, module.origin, path=path)
    else:
        log.warning("%s does not say which words and labels it was trained with (older seqlab); only shapes are checked", path)
    fault = fault_in(content["state_dict"], module)
    if fault is not None:
        raise CheckpointError(f"{path} does not fit this model: {fault}; use the overrides and data of that run")


def _with_own_options(content: dict[str, Any], *, trainer: pl.Trainer, module: LabelerModule) -> dict[str, Any]:
    """Return the content with the options of this run's optimiser and early stopping, after a trial of its states."""
    made = module.configure_optimizers()
    if made is not None:
        optimizer = made["optimizer"] if isinstance(made, dict) else made
        content = with_new_options(content, optimizer)
        # A trial run on an optimiser that is thrown away: states that do not fit are reported before training starts.
        optimizer.load_state_dict(content["optimizer_states"][0])
        for state in content["lr_schedulers"]:
            made["lr_scheduler"]["scheduler"].load_state_dict(state)
    for stopping in trainer.early_stopping_callbacks:
        if stopping.state_key in content["callbacks"]:
            content["callbacks"][stopping.state_key]["patience"] = stopping.patience
    return content


def _move_best(callbacks: Mapping[str, Any], source: Path, *, trainer: pl.Trainer) -> None:
    """Copy the best checkpoints to the folder of the trainer's own, where they are not there already."""
    folder = getattr(trainer.checkpoint_callback, "dirpath", None)
    states = [state for name, state in callbacks.items() if name.startswith("ModelCheckpoint")]
    for state in states:
        if folder is not None and state["dirpath"] != folder:
            _move(state, source=source, target=Path(folder))


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
