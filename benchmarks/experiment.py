"""The encoded records, models and training steps of an experiment, shared by several benchmarks."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from seqlab.config.build import build, known_targets
from seqlab.config.compose import MODEL_KEYS, compose, plain
from seqlab.data.batch import Batch
from seqlab.data.batching import shuffled_batches
from seqlab.data.fields.registry import Fields
from seqlab.data.splits import read_splits
from seqlab.model.labeler import Labeler, build_labeler
from seqlab.training.module import clip_to_norm_


def settings_of(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the config composed from `overrides`, as plain values."""
    settings: dict[str, Any] = plain(compose([*overrides, "paths.run_dir=."]))
    return settings


class Experiment:
    """Reads the training records of an experiment and builds models for them.

    Args:
        overrides: Overrides of the config, as for `seqlab train`.
    """

    def __init__(self, overrides: Sequence[str]) -> None:
        self.overrides = list(overrides)
        self.settings, self.targets = settings_of(overrides), known_targets()
        self.splits = read_splits(self.settings["data"], targets=self.targets, seed=self.settings["seed"])
        self.fields = Fields.from_config({key: self.settings[key] for key in MODEL_KEYS}, targets=self.targets)
        self.fields.fit(self.splits["train"])
        self.records = self.fields.encode(self.splits["train"])

    def labeler(self, words: Sequence[str] = ()) -> Labeler:
        """Return a model for training, with further overrides."""
        torch.manual_seed(self.settings["seed"])
        labeler: Labeler = build_labeler(self._settings(words), fields=self.fields, targets=self.targets).train()
        return labeler

    def training_step(self, labeler: nn.Module, words: Sequence[str] = ()) -> Callable[[Batch], None]:
        """Return a function that runs one training step: forward, backward, clipping and optimizer."""
        settings = self._settings(words)
        optimizer = build(settings["optimizer"], targets=self.targets)(labeler.parameters())

        def run(batch: Batch) -> None:
            optimizer.zero_grad()
            sum(labeler.losses(batch).values()).backward()
            clip_to_norm_(labeler.parameters(), max_norm=settings["trainer"]["gradient_clip_val"])
            optimizer.step()

        return run

    def batches(self, *, epoch: int = 0) -> Iterator[Any]:
        """Yield the rows of each training batch."""
        seed, budget = self.settings["seed"], self.settings["max_tokens"]
        return iter(shuffled_batches(self.records.lengths, max_tokens=budget, seed=seed, epoch=epoch))

    def _settings(self, words: Sequence[str]) -> dict[str, Any]:
        return settings_of([*self.overrides, *words]) if words else self.settings
