"""Confusion matrices: which label is predicted in place of which."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

NONE = "(none)"
"""Stands for the missing side of a missed or spurious label."""
OTHERS = "(others)"


class Confused(NamedTuple):
    """How often `gold` was predicted as `predicted`."""

    gold: str
    predicted: str
    n: int
    share: float
    """Share of all gold items with label `gold`."""


@final
@dataclass(frozen=True)
class Confusion:
    """Counts of gold labels (rows) by predicted label (columns)."""

    labels: Sequence[str]
    """Ordered by frequency in gold; `NONE` last."""
    counts: Sequence[Sequence[int]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str | None, str | None]], *, max_labels: int) -> "Confusion":
        """Count pairs of (gold, predicted); None means that there is no such label.

        If there are more than `max_labels`, keep those with most errors and count the rest as `OTHERS`.
        """
        counts = Counter((gold or NONE, predicted or NONE) for gold, predicted in pairs)
        labels = _kept(counts, max_labels=max_labels)
        merged: Counter[tuple[str, str]] = Counter()
        for (gold, predicted), n in counts.items():
            merged[gold if gold in labels else OTHERS, predicted if predicted in labels else OTHERS] += n
        seen = _ordered(merged)
        return cls(seen, [[merged[gold, predicted] for predicted in seen] for gold in seen])

    def most_confused(self, n: int) -> list[Confused]:
        """Return the `n` most frequent confusions."""
        totals = [max(1, sum(row)) for row in self.counts]
        found = [
            Confused(gold, predicted, count, count / totals[i])
            for i, gold in enumerate(self.labels)
            for predicted, count in zip(self.labels, self.counts[i], strict=True)
            if count and gold != predicted
        ]
        return sorted(found, key=lambda pair: (-pair.n, pair.gold, pair.predicted))[:n]


def _kept(counts: Counter[tuple[str, str]], *, max_labels: int) -> set[str]:
    n_errors: Counter[str] = Counter()
    for (gold, predicted), n in counts.items():
        n_errors[gold] += n * (gold != predicted)
        n_errors[predicted] += n * (gold != predicted)
    # NONE always stays: it holds the missed and spurious labels.
    ranked = sorted(n_errors, key=lambda label: (label != NONE, -n_errors[label], label))
    return set(ranked if len(ranked) <= max_labels else ranked[: max_labels - 1])


def _ordered(counts: Counter[tuple[str, str]]) -> list[str]:
    supports: Counter[str] = Counter()
    for (gold, predicted), n in counts.items():
        supports[gold] += n
        supports[predicted] += 0  # labels that gold never has get a row, too
    return sorted(supports, key=lambda label: (label == NONE, label == OTHERS, -supports[label], label))
