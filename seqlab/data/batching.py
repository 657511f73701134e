"""Batches of similar lengths within a budget of steps; their order is a pure function of (seed, epoch, rank)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Int
from torch.utils.data import Dataset, Sampler, SequentialSampler

from seqlab.data.batch import Batch
from seqlab.data.multitask.joined import Split
from seqlab.errors import ConfigError

Batches: TypeAlias = list[Int[np.ndarray, " _"]]
"""Rows of each batch."""

N_BUCKET_BATCHES = 16
"""Records of so many batches are sorted by length together: more give less padding, fewer more randomness."""


def token_batches(lengths: Int[np.ndarray, " row"], *, order: Int[np.ndarray, " row"], max_tokens: int) -> Batches:
    """Split `order` into batches of at most `max_tokens` steps including padding; a longer record is a batch of its own."""
    if max_tokens < 1:
        raise ConfigError(f"max_tokens is {max_tokens}; expected at least 1 step per batch")
    # the cost of a batch is its longest record times the number of its records, as padding is computed, too
    cuts, width, start = [0], 0, 0
    for i, length in enumerate(np.maximum(lengths[order], 1).tolist()):  # an empty record is one step of padding
        width = max(width, length)
        if width * (i - start + 1) > max_tokens and i > start:
            cuts.append(i)
            start, width = i, length
    return np.split(order, cuts[1:]) if len(order) else []


def sorted_batches(lengths: Int[np.ndarray, " row"], *, max_tokens: int) -> Batches:
    """Return batches of all records, longest first: the order for prediction, with the least padding."""
    return token_batches(lengths, order=np.argsort(-lengths, kind="stable"), max_tokens=max_tokens)


def shuffled_batches(
    lengths: Int[np.ndarray, " row"], *, max_tokens: int, seed: int, epoch: int, stream: Sequence[int] = ()
) -> Batches:
    """Return batches of similar lengths with all records; the records of each batch and the order of batches are random.

    Different values of `stream` give different orders for the same seed and epoch.
    """
    random = np.random.default_rng([seed, epoch, *stream])
    shuffled = random.permutation(len(lengths))
    # an empty data set has no mean length
    n_records = max(1, int(N_BUCKET_BATCHES * max_tokens / max(1.0, float(lengths.mean() if len(lengths) else 1))))
    buckets = np.split(shuffled, range(n_records, len(shuffled), n_records))
    # a stable sort keeps the random order among equal lengths, the same on every platform
    order = np.concatenate([bucket[np.argsort(lengths[bucket], kind="stable")] for bucket in buckets])
    batches = token_batches(lengths, order=order, max_tokens=max_tokens)
    # the batches of a bucket are sorted by length, which would bias consecutive updates
    return [batches[i] for i in random.permutation(len(batches))]


class TrainingBatches(Sampler[Int[np.ndarray, " batch"]]):
    """Rows of the training batches of one process; Lightning sets the epoch.

    All ranks get the same number of batches: if they do not divide evenly, the first batches are used twice.

    Args:
        order: Epoch -> batches, the same in all processes.
        rank: Index of this process.
        n_ranks: Number of processes.
    """

    def __init__(self, order: Callable[[int], Batches], *, rank: int, n_ranks: int) -> None:
        self.order = order
        self.rank = rank
        self.n_ranks = n_ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch (called by Lightning)."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Int[np.ndarray, " batch"]]:
        """Iterate over the batches of this rank and epoch."""
        return iter(self._batches())

    def __len__(self) -> int:
        """Return the number of batches of this rank and epoch."""
        return len(self._batches())

    def _batches(self) -> Batches:
        batches = self.order(self.epoch)
        # rounded up: a rank with fewer batches would leave the others waiting
        n_each = -(-len(batches) // self.n_ranks)
        # rank r takes batches r, r + n_ranks and so on; the modulus reuses the first batches to fill the last round
        return [batches[i % len(batches)] for i in range(self.rank, n_each * self.n_ranks, self.n_ranks)]


class FixedBatches(SequentialSampler):
    """The same batches in each epoch; Lightning does not replace a `SequentialSampler` with ``overfit_batches``.

    Args:
        data_source: Rows of each batch.
    """

    data_source: Batches

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the batches."""
        return iter(self.data_source)


class BatchedRecords(Dataset[Batch]):
    """Encoded records, indexed by the rows of a whole batch.

    Args:
        records: The encoded records of a split.
    """

    def __init__(self, records: Split) -> None:
        self.records = records

    def __getitem__(self, rows: Int[np.ndarray, " batch"]) -> Batch:
        """Return the records in `rows` as one batch."""
        return self.records.batch(rows)
