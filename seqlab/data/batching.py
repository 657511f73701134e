"""Batches of similar lengths, cut by a budget of steps, in an order that is a pure function of (seed, epoch, rank)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int
from torch.utils.data import Dataset, Sampler, SequentialSampler

from seqlab.data.batch import Batch
from seqlab.data.multitask.joined import Split
from seqlab.errors import ConfigError

N_BUCKET_BATCHES = 16
"""How many batches' worth of shuffled records are sorted by length together: more means less padding, fewer more shuffling."""


def token_batches(
    lengths: Int[np.ndarray, " row"], *, order: Int[np.ndarray, " row"], max_tokens: int
) -> list[Int[np.ndarray, " batch"]]:
    """Return `order` cut into batches of at most `max_tokens` steps, padding counted; a longer record stands alone."""
    if max_tokens < 1:
        raise ConfigError(f"max_tokens is {max_tokens}; expected at least 1 step a batch")
    cuts, width, start = [0], 0, 0
    for i, length in enumerate(np.maximum(lengths[order], 1).tolist()):
        width = max(width, length)
        if width * (i - start + 1) > max_tokens and i > start:
            cuts.append(i)
            start, width = i, length
    return np.split(order, cuts[1:]) if len(order) else []


def sorted_batches(lengths: Int[np.ndarray, " row"], *, max_tokens: int) -> list[Int[np.ndarray, " batch"]]:
    """Return all records, longest first, in batches: the order for prediction, with the least padding."""
    return token_batches(lengths, order=np.argsort(-lengths, kind="stable"), max_tokens=max_tokens)


def shuffled_batches(
    lengths: Int[np.ndarray, " row"], *, max_tokens: int, seed: int, epoch: int, stream: Sequence[int] = ()
) -> list[Int[np.ndarray, " batch"]]:
    """Return all records in batches of similar lengths; both the records of a batch and the order of batches are random.

    Another `stream` of the same seed and epoch is another order.
    """
    random = np.random.default_rng([seed, epoch, *stream])
    shuffled = random.permutation(len(lengths))
    n_records = max(1, int(N_BUCKET_BATCHES * max_tokens / max(1.0, float(lengths.mean() if len(lengths) else 1))))
    buckets = np.split(shuffled, range(n_records, len(shuffled), n_records))
    order = np.concatenate([bucket[np.argsort(lengths[bucket], kind="stable")] for bucket in buckets])
    batches = token_batches(lengths, order=order, max_tokens=max_tokens)
    return [batches[i] for i in random.permutation(len(batches))]


class TrainingBatches(Sampler[Int[np.ndarray, " batch"]]):
    """Rows of each training batch; Lightning sets the epoch, and each of `n_ranks` processes draws its own share.

    `order` returns the batches of an epoch, the same ones in all processes. Every rank gets the same number of batches: the
    last few are handed out twice where they do not divide evenly.
    """

    def __init__(self, order: Callable[[int], list[np.ndarray]], *, rank: int, n_ranks: int) -> None:
        self.order = order
        self.rank = rank
        self.n_ranks = n_ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of `epoch` (called by Lightning)."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Int[np.ndarray, " batch"]]:
        """Return this rank's batches of this epoch."""
        return iter(self._batches())

    def __len__(self) -> int:
        """Return the number of batches of this rank in this epoch."""
        return len(self._batches())

    def _batches(self) -> list[Int[np.ndarray, " batch"]]:
        batches = self.order(self.epoch)
        n_each = -(-len(batches) // self.n_ranks)
        return [batches[i % len(batches)] for i in range(self.rank, n_each * self.n_ranks, self.n_ranks)]


class FixedBatches(SequentialSampler):
    """The same batches in the same order each time, as a sampler of the kind that Lightning leaves alone when it overfits."""

    def __init__(self, batches: list[np.ndarray]) -> None:
        super().__init__(batches)
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        """Return the batches."""
        return iter(self.batches)


class BatchedRecords(Dataset[Batch]):
    """Encoded records indexed by the rows of a whole batch."""

    def __init__(self, records: Split) -> None:
        self.records = records

    def __getitem__(self, rows: Int[np.ndarray, " batch"]) -> Batch:
        """Return the records in `rows` as one batch."""
        return self.records.batch(rows)
