"""Batches of several data sets: each batch has records of one, in an order that is a pure function of (seed, epoch)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count, zip_longest
from typing import final

import numpy as np

from seqlab.data.batching import Batches, shuffled_batches, sorted_batches
from seqlab.data.multitask.joined import Split
from seqlab.errors import ConfigError


@final
@dataclass(frozen=True)
class Turns:
    """Shares of the data sets in an epoch, proportional to weight · n_batches ** (1 / temperature).

    Args:
        temperature: Above 0. With 1 and equal weights, an epoch has each record once; higher values make the shares more equal.
        weights: Data set -> weight above 0; 1 for those that are missing.

    Raises:
        ConfigError: the temperature or a weight is not above 0.
    """

    temperature: float
    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        named = {f"data.sets.{name}.weight": weight for name, weight in self.weights.items()}
        for name, value in {"data.temperature": self.temperature, **named}.items():
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ConfigError(f"{name} is {value!r}; expected a number above 0")

    def counts(self, n_batches: Mapping[str, int]) -> dict[str, int]:
        """Return the number of batches of each data set in an epoch, at least 1; their sum is that of `n_batches`."""
        # divided by the largest, so that a high power cannot overflow
        most = max(n_batches.values())
        sizes = {name: (n / most) ** (1 / self.temperature) for name, n in n_batches.items()}
        shares = np.asarray([self.weights.get(name, 1.0) * size for name, size in sizes.items()])
        exact = sum(n_batches.values()) * shares / shares.sum()
        whole = np.floor(exact + 1e-9).astype(int)  # 2.9999999 is 3 with rounding errors
        n_left = sum(n_batches.values()) - int(whole.sum())
        # largest remainders first (Hamilton's method)
        whole[np.argsort(whole - exact, kind="stable")[:n_left]] += 1
        # the floor of 1 batch may raise the sum a little, which is better than a data set that is never trained on
        return dict(zip(n_batches, np.maximum(whole, 1).tolist(), strict=True))


BY_SIZE = Turns(temperature=1.0, weights={})
"""Each record once per epoch."""


def training_order(records: Split, epoch: int, *, max_tokens: int, seed: int, turns: Turns) -> Batches:
    """Return the batches of an epoch; for a single data set, those of `shuffled_batches`."""
    # the first data set has the random stream of a run with it alone
    own = [
        shuffled_batches(part.sizes, max_tokens=max_tokens, seed=seed, epoch=epoch, stream=(i, 0) if i else ())
        for i, part in enumerate(records.parts.values())
    ]
    wanted = turns.counts({name: len(batches) for name, batches in zip(records.parts, own, strict=True)})
    for i, (name, part) in enumerate(records.parts.items()):
        # a data set that needs more batches than one pass gives is shuffled again
        for again in count(1):
            if len(own[i]) >= wanted[name]:
                break
            own[i] += shuffled_batches(part.sizes, max_tokens=max_tokens, seed=seed, epoch=epoch, stream=(i, again))
    batches = _counted_through([batches[:n] for batches, n in zip(own, wanted.values(), strict=True)], records)
    if len(batches) == 1:
        return batches[0]
    # the number of sets is part of the seed, as the order of a single set uses (seed, epoch)
    mixed = list(chain.from_iterable(batches))
    return [mixed[i] for i in np.random.default_rng([seed, epoch, len(batches)]).permutation(len(mixed))]


def evaluation_order(records: Split, *, max_tokens: int) -> Batches:
    """Return batches of all records, longest first, alternating between data sets so that the first few cover all."""
    own = [sorted_batches(part.sizes, max_tokens=max_tokens) for part in records.parts.values()]
    rounds = zip_longest(*_counted_through(own, records))
    return [rows for one_each in rounds for rows in one_each if rows is not None]


def _counted_through(batches: Sequence[Batches], records: Split) -> list[Batches]:
    """Return the batches of each data set with its rows numbered as in `records`."""
    starts = np.cumsum([0, *map(len, records.parts.values())])
    return [[rows + start for rows in own] for own, start in zip(batches, starts, strict=False)]
