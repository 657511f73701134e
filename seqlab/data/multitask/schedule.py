"""Data sets by turns: the batches of an epoch, each of one set, in an order that is a pure function of (seed, epoch)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count, zip_longest
from typing import TypeAlias, final

import numpy as np
from jaxtyping import Int

from seqlab.data.batch import EncodedRecords
from seqlab.data.batching import shuffled_batches, sorted_batches
from seqlab.data.multitask.joined import Split
from seqlab.errors import ConfigError

Batches: TypeAlias = list[Int[np.ndarray, " _"]]
"""Rows of each batch."""


@final
@dataclass(frozen=True)
class Turns:
    """How the batches of an epoch are shared out: in proportion to `weights` times a set's own number ** (1 / temperature).

    A set without a weight has 1. At temperature 1 and equal weights every set is gone through once an epoch; the higher the
    temperature, the more equal are the shares.

    Raises: ConfigError for a temperature or a weight that is not above 0.
    """

    temperature: float
    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        named = {f"data.sets.{name}.weight": weight for name, weight in self.weights.items()}
        for name, value in {"data.temperature": self.temperature, **named}.items():
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ConfigError(f"{name} is {value!r}; expected a number above 0")

    def counts(self, n_batches: Mapping[str, int]) -> dict[str, int]:
        """Return how many batches each set gives to an epoch of as many as there are; at least one each."""
        most = max(n_batches.values())
        sizes = {name: (n / most) ** (1 / self.temperature) for name, n in n_batches.items()}
        shares = np.asarray([self.weights.get(name, 1.0) * size for name, size in sizes.items()])
        exact = sum(n_batches.values()) * shares / shares.sum()
        whole = np.floor(exact + 1e-9).astype(int)
        n_left = sum(n_batches.values()) - int(whole.sum())
        whole[np.argsort(whole - exact, kind="stable")[:n_left]] += 1
        return dict(zip(n_batches, np.maximum(whole, 1).tolist(), strict=True))


BY_SIZE = Turns(temperature=1.0, weights={})
"""Every set once an epoch."""


def training_order(records: Split, epoch: int, *, max_tokens: int, seed: int, turns: Turns) -> Batches:
    """Return the batches of an epoch; of a single set those of `shuffled_batches`, as they are."""
    own = [
        shuffled_batches(part.sizes, max_tokens=max_tokens, seed=seed, epoch=epoch, stream=(i, 0) if i else ())
        for i, part in enumerate(records.parts.values())
    ]
    wanted = turns.counts({name: len(batches) for name, batches in zip(records.parts, own, strict=True)})
    for i, (name, part) in enumerate(records.parts.items()):
        for again in count(1):
            if len(own[i]) >= wanted[name]:
                break
            own[i] += shuffled_batches(part.sizes, max_tokens=max_tokens, seed=seed, epoch=epoch, stream=(i, again))
    batches = _counted_through([batches[:n] for batches, n in zip(own, wanted.values(), strict=True)], records)
    if len(batches) == 1:
        return batches[0]
    mixed = list(chain.from_iterable(batches))
    return [mixed[i] for i in np.random.default_rng([seed, epoch, len(batches)]).permutation(len(mixed))]


def evaluation_order(records: Split, *, max_tokens: int) -> Batches:
    """Return batches of all records, longest first; the sets take turns, so that the first few batches show several."""
    own = [sorted_batches(part.sizes, max_tokens=max_tokens) for part in records.parts.values()]
    rounds = zip_longest(*_counted_through(own, records))
    return [rows for one_each in rounds for rows in one_each if rows is not None]


def _counted_through(batches: Sequence[Batches], records: Split) -> list[Batches]:
    """Return the batches of each set with its rows counted as in `records`."""
    sizes: list[EncodedRecords] = list(records.parts.values())
    starts = np.cumsum([0, *map(len, sizes)])
    return [[rows + start for rows in own] for own, start in zip(batches, starts, strict=False)]
