"""`LabelingData`: encode the records of all splits and batch them for Lightning."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, final

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from seqlab.data.batch import Batch
from seqlab.data.batching import BatchedRecords, FixedBatches, TrainingBatches
from seqlab.data.multitask.joined import Split
from seqlab.data.multitask.schedule import BY_SIZE, Turns, evaluation_order, training_order

log = logging.getLogger(__name__)


@final
class LabelingData(pl.LightningDataModule):
    """Batches of encoded records.

    Training batches are shuffled by a pure function of (seed, epoch, rank); others are sorted by length.

    Args:
        splits: Encoded records by split: `train`, `val`, `test`.
        max_tokens: Maximum number of tokens in a training batch, padding included.
        max_eval_tokens: The same for validation and test batches.
        seed: Seed of the batch order.
        turns: How often each of several data sets gets a batch; by default in proportion to its size.
    """

    def __init__(
        self, splits: Mapping[str, Split], *, max_tokens: int, max_eval_tokens: int, seed: int, turns: Turns = BY_SIZE
    ) -> None:
        super().__init__()
        self.splits = splits
        self.max_tokens = max_tokens
        self.max_eval_tokens = max_eval_tokens
        self.seed = seed
        self.turns = turns

    def setup(self, stage: str) -> None:
        """Let the trainer ask for a loader each epoch, whoever made it."""
        if self.trainer:
            self.trainer.reload_dataloaders_every_n_epochs = 1  # type: ignore[attr-defined]  # an undeclared attribute

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return this process's training batches for the trainer's epoch.

        The number of batches varies between epochs. Lightning takes it from the loader, and would skip validation after an
        epoch with fewer batches than the first. So it must ask for the loader each epoch, which `setup` sees to.
        """
        records = self.splits["train"]
        order = partial(training_order, records, max_tokens=self.max_tokens, seed=self.seed, turns=self.turns)
        # Lightning sets this attribute indirectly in its constructor, without declaring it.
        # Overfitting needs the same batches in each epoch; Lightning would replace a shuffling sampler here.
        if self.trainer and self.trainer.overfit_batches:  # type: ignore[attr-defined]
            return _loader(records, sampler=FixedBatches(order(0)))
        rank, n_ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        batches = TrainingBatches(order, rank=rank, n_ranks=n_ranks)
        batches.set_epoch(self.trainer.current_epoch if self.trainer else 0)
        return _loader(records, sampler=batches)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation batches."""
        return evaluation_loader(self.splits["val"], max_tokens=self.max_eval_tokens)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the test batches."""
        return evaluation_loader(self.splits["test"], max_tokens=self.max_eval_tokens)


def evaluation_loader(records: Split, *, max_tokens: int) -> DataLoader[Batch]:
    """Return batches of all records, longest first."""
    return _loader(records, sampler=FixedBatches(evaluation_order(records, max_tokens=max_tokens)))


def _loader(records: Split, *, sampler: Sampler[Any]) -> DataLoader[Batch]:
    """Return a loader with its own random generator: each iterator draws a number, which must not affect dropout."""
    return DataLoader(BatchedRecords(records), sampler=sampler, batch_size=None, generator=torch.Generator())
