"""Which label is taken for which."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

NONE = "(none)"
"""In place of the label that a missed or a spurious one lacks."""
OTHERS = "(others)"


class Confused(NamedTuple):
    """How often gold `gold` was labelled `said`."""

    gold: str
    said: str
    n: int
    share: float
    """Of all that are `gold`."""


@final
@dataclass(frozen=True)
class Confusion:
    """Counts of gold labels (rows) by what was said of them (columns)."""

    labels: Sequence[str]
    """Most frequent in gold first, `NONE` last where it occurs."""
    counts: Sequence[Sequence[int]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str | None, str | None]], *, max_labels: int) -> "Confusion":
        """Return the counts of (gold, said); None: there is no such label.

        Of more than `max_labels`, those are kept that take part in most errors, and the rest are counted as `OTHERS`.
        """
        counts = Counter((gold or NONE, said or NONE) for gold, said in pairs)
        labels = _kept(counts, max_labels=max_labels)
        merged: Counter[tuple[str, str]] = Counter()
        for (gold, said), n in counts.items():
            merged[gold if gold in labels else OTHERS, said if said in labels else OTHERS] += n
        seen = _ordered(merged)
        return cls(seen, [[merged[gold, said] for said in seen] for gold in seen])

    def most_confused(self, n: int) -> list[Confused]:
        """Return the `n` most frequent pairs of different labels."""
        totals = [max(1, sum(row)) for row in self.counts]
        found = [
            Confused(gold, said, count, count / totals[i])
            for i, gold in enumerate(self.labels)
            for said, count in zip(self.labels, self.counts[i], strict=True)
            if count and gold != said
        ]
        return sorted(found, key=lambda pair: (-pair.n, pair.gold, pair.said))[:n]


def _kept(counts: Counter[tuple[str, str]], *, max_labels: int) -> set[str]:
    n_errors: Counter[str] = Counter()
    for (gold, said), n in counts.items():
        n_errors[gold] += n * (gold != said)
        n_errors[said] += n * (gold != said)
    ranked = sorted(n_errors, key=lambda label: (label != NONE, -n_errors[label], label))
    return set(ranked if len(ranked) <= max_labels else ranked[: max_labels - 1])


def _ordered(counts: Counter[tuple[str, str]]) -> list[str]:
    supports: Counter[str] = Counter()
    for (gold, said), n in counts.items():
        supports[gold] += n
        supports[said] += 0
    return sorted(supports, key=lambda label: (label == NONE, label == OTHERS, -supports[label], label))
