"""Checks before a run starts: settings that cannot work together, choices without effect, and the memory of the model."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from seqlab.data.fields import VectorField
from seqlab.data.fields.registry import Fields
from seqlab.errors import ConfigError

log = logging.getLogger(__name__)
_ACCELERATED = ("gpu", "mps", "ddp")
_STATES = {"Adam": 2, "AdamW": 2, "NAdam": 2, "RAdam": 2, "SOAP": 4, "Adagrad": 1, "SGD": 1, "LBFGS": 21, "HessianFree": 24}
"""Tensors of the size of the weights that an optimiser keeps, at most."""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MEMINFO = Path("/proc/meminfo")
_GIB = 2**30


def check_trainer(settings: Mapping[str, Any]) -> None:
    """Raise ConfigError for options of the trainer that would fail after training, or with a message of Lightning's."""
    trainer, scheduler = settings["trainer"], settings["scheduler"] or {}
    monitoring = [
        name for name, one in (settings["callbacks"] or {}).items() if isinstance(one, Mapping) and one.get("monitor")
    ]
    if scheduler.get("monitor"):
        monitoring.append("scheduler")
    if trainer.get("limit_val_batches") == 0 and monitoring:
        needed = f"{', '.join(monitoring)} read a score on val; leave it out, or choose callbacks=none and another scheduler"
        raise ConfigError(f"trainer.limit_val_batches is 0; expected at least 1, since {needed}")
    every = trainer.get("check_val_every_n_epoch")
    if scheduler.get("monitor") and every != 1:
        needed = "the schedule reads a score on val after each epoch; choose another scheduler, or leave it out"
        raise ConfigError(f"trainer.check_val_every_n_epoch is {every}; expected 1, since {needed}")


def warn_of_unused(settings: Mapping[str, Any], fields: Fields, *, words: Sequence[str]) -> None:
    """Log choices that have no effect; `words` are the overrides as typed."""
    if settings["vectors"] and not any(isinstance(field, VectorField) for field in fields):
        log.warning("vectors has no effect, since no part of the embedding reads it; add one: embedding=[…,vectors]")
    if settings["train"] and settings["optimizer"].get("lr") == 0:
        log.warning("optimizer.lr is 0: training leaves the weights as they are")
    chosen = next((word for word in words if word.split("=")[0] == "trainer" and word.split("=")[-1] in _ACCELERATED), None)
    if chosen is not None and settings["trainer"].get("accelerator") == "cpu":
        log.warning("%s has no effect on the accelerator: debug runs on the CPU; add trainer.accelerator=auto", chosen)


def check_memory(labeler: nn.Module, optimizer: Mapping[str, Any]) -> int:
    """Return the bytes that weights, gradients and optimiser take, without the activations of a batch.

    Raises: ConfigError if the machine has less memory available.
    """
    weights: int = sum(tensor.numel() * tensor.element_size() for tensor in labeler.state_dict().values())
    trained: int = sum(weight.numel() * weight.element_size() for weight in labeler.parameters() if weight.requires_grad)
    # The 1 is for the gradients, of the size of the trained weights.
    needed = weights + trained * (1 + _STATES.get(str(optimizer["_target_"]).rpartition(".")[2], 2))
    available = available_bytes()
    if available is not None and needed > available:
        largest = max(labeler.named_parameters(), key=lambda named: named[1].numel())
        shape = f"the largest is {largest[0]} {tuple(largest[1].shape)}"
        sizes = f"{needed / _GIB:.1f} GiB for weights, gradients and optimiser, but {available / _GIB:.1f} GiB are available"
        raise ConfigError(f"the model needs {sizes}; {shape}; are the data what they should be? (seqlab data check)")
    return needed


def available_bytes() -> int | None:
    """Return the memory that this process can still take: of the machine, or of its container; None if unknown."""
    found = []
    if _MEMINFO.is_file():
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines() if ":" in line)
        # /proc/meminfo counts in kB of 1024 bytes.
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    # A container without a limit has the word "max" there, which is no number.
    if _CGROUP_LIMIT.is_file() and (limit := _CGROUP_LIMIT.read_text().strip()).isdigit():
        found.append(int(limit))
    return min(found, default=None)
