"""Prior probabilities of label sequences: n-grams of labels, smoothed as in Witten and Bell (1991).

With c(h, l) how often label l followed history h, c(h) their sum, k(h) how many different labels did, and h' the history
without its oldest label,

    P(l | h) = (c(h, l) + k(h) P(l | h')) / (c(h) + k(h))

and below the empty history all labels and the end are equally likely.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

START, END = -2, -1
"""What stands before the first label, and follows the last."""


class Prior(ABC):
    """Base class for priors of label sequences; logs in nats, -inf for an impossible label."""

    @abstractmethod
    def log_prob(self, history: Sequence[int], label: int) -> float:
        """Return log P(`label` comes next), after the labels of `history`, the oldest first."""

    @abstractmethod
    def log_prob_end(self, history: Sequence[int]) -> float:
        """Return log P(no label comes next)."""


@final
@dataclass(frozen=True)
class LabelPrior(Prior):
    """An n-gram model of label sequences; every history and every label has a probability above 0."""

    order: int
    """How many labels an n-gram has: 1 looks at no history, 2 at one label."""
    n_labels: int
    """How many different labels there are, seen or not."""
    followers: Mapping[tuple[int, ...], Mapping[int, int]]
    """How often each label, or the end, followed each history of order - 1 labels or fewer."""

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int]], *, order: int, n_labels: int) -> "LabelPrior":
        """Return the prior that label sequences give.

        Raises: ValueError for `order` below 1, negative labels, and more different labels than `n_labels`.
        """
        if order < 1:
            raise ValueError(f"order is {order}; expected at least 1")
        followers: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for sequence in sequences:
            if min(sequence, default=0) < 0:
                raise ValueError(f"a label is {min(sequence)}; expected 0 or more")
            for position, label in enumerate([*sequence, END]):
                history = _context(sequence[:position], order)
                # Shorter histories count too: the smoothing falls back to them.
                for oldest in range(order):
                    followers[history[oldest:]][label] += 1
        # The empty history has been followed by every label there is.
        seen = set(followers[()]) - {END}
        if len(seen) > n_labels:
            raise ValueError(f"n_labels is {n_labels}; expected at least the {len(seen)} different labels of the sequences")
        return cls(order, n_labels, dict(followers))

    def log_prob(self, history: Sequence[int], label: int) -> float:
        return math.log(self._prob(_context(history, self.order), label))

    def log_prob_end(self, history: Sequence[int]) -> float:
        return math.log(self._prob(_context(history, self.order), END))

    def _prob(self, history: tuple[int, ...], label: int) -> float:
        # One more than the labels: the end is an outcome too.
        shorter = self._prob(history[1:], label) if history else 1 / (self.n_labels + 1)
        counts = self.followers.get(history)
        if not counts:
            return shorter
        return (counts.get(label, 0) + len(counts) * shorter) / (sum(counts.values()) + len(counts))


def _context(history: Sequence[int], order: int) -> tuple[int, ...]:
    """Return the last labels that an n-gram looks at, as if many starts stood before the first."""
    n_before = order - 1
    labels = tuple(history[max(len(history) - n_before, 0) :])
    return (START,) * (n_before - len(labels)) + labels
