"""`LabelingData`: records of all splits, read, encoded and cut into batches for Lightning."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, final

import datasets
import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from seqlab.config import build
from seqlab.data.alternation import BY_SIZE, Turns, evaluation_order, training_order
from seqlab.data.batching import BatchedRecords, FixedBatches, TrainingBatches
from seqlab.data.encoding import Batch
from seqlab.data.folds import Fold
from seqlab.data.joining import Split
from seqlab.data.readers.base import Reader
from seqlab.data.splits import SPLITS
from seqlab.errors import ConfigError, DataError

log = logging.getLogger(__name__)


def read_splits(
    config: Mapping[str, Any], *, targets: frozenset[str], seed: int, path: str = "data", fold: Fold | None = None
) -> dict[str, datasets.Dataset]:
    """Return the records of each split that the data config names; without `val`, `holdout` of `train` becomes it.

    `path` is where `config` stands, for messages. With a `fold`, that part of `train` takes the place of `test`, which is
    not read.

    Raises: DataError for files that are missing or wrong; ConfigError for a split of another name.
    """
    reader: Reader = build(config["reader"], targets=targets, path=f"{path}.reader")
    unknown = set(config["splits"]) - set(SPLITS)
    if unknown:
        raise ConfigError(f"{path}.splits has {', '.join(sorted(unknown))}; expected {', '.join(SPLITS)}")
    folder = Path(config["dir"]).expanduser() if config["dir"] else Path()
    wanted = {split: name for split, name in config["splits"].items() if name and not (fold and split == "test")}
    paths = {split: folder / name for split, name in wanted.items()}
    records = {split: reader.read(path) for split, path in paths.items()}
    for split, found in records.items():
        if not len(found):
            without = f", or leave it out with {path}.splits.{split}=null" if split != "train" else ""
            raise DataError(f"{paths[split]}: no record to read as split {split}; choose another file{without}")
    if fold is not None and "train" in records:
        records |= fold.split(records["train"], seed=seed, path=path)
    if "train" in records and "val" not in records:
        records |= _held_out(records["train"], share=config["holdout"], seed=seed, path=path)
    return records


def _held_out(records: datasets.Dataset, *, share: float, seed: int, path: str) -> dict[str, datasets.Dataset]:
    if not 0 < share < 1:
        raise ConfigError(f"{path}.holdout is {share}; expected a share of the training records between 0 and 1")
    n_val = max(1, round(share * len(records)))
    if n_val >= len(records):
        raise DataError(f"{len(records)} training records are too few to hold {n_val} out; set {path}.splits.val")
    rows = np.random.default_rng(seed).permutation(len(records))
    log.info("no validation split: holding out %d of %d training records (%s.holdout=%s)", n_val, len(records), path, share)
    return {"train": records.select(np.sort(rows[n_val:])), "val": records.select(np.sort(rows[:n_val]))}


@final
class LabelingData(pl.LightningDataModule):
    """Batches of encoded records: shuffled by a pure function of (seed, epoch, rank) for training, by length for the rest.

    `turns` says how often each of several data sets has its turn.
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

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the training batches of this process, in the order of the trainer's epoch.

        Epochs differ by a batch or two. Lightning must therefore ask for the loader anew each epoch
        (`reload_dataloaders_every_n_epochs=1`): it takes the number of batches from the loader, and would skip validation
        after an epoch that has fewer than the first.
        """
        records = self.splits["train"]
        order = partial(training_order, records, max_tokens=self.max_tokens, seed=self.seed, turns=self.turns)
        # Lightning declares the attribute nowhere: its constructor sets it by way of a connector.
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
    """Return a loader with a random generator of its own: each iterator draws a number, which must not come from dropout's."""
    return DataLoader(BatchedRecords(records), sampler=sampler, batch_size=None, generator=torch.Generator())
