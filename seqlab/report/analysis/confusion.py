"""Confusion matrices: which label is predicted in place of which."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

NONE = "(none)"
"""Stands for the missing side of a missed or spurious label."""
OTHERS = "(others)"


class Confusion(NamedTuple):
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
        n_errors: Counter[str] = Counter()
        for (gold, predicted), n in counts.items():
            n_errors.update(dict.fromkeys((gold, predicted), n * (gold != predicted)))
        # NONE always stays: it holds the missed and spurious labels.
        ranked = sorted(n_errors, key=lambda label: (label != NONE, -n_errors[label], label))
        kept = ranked if len(ranked) <= max_labels else ranked[: max_labels - 1]
        names = dict.fromkeys(ranked, OTHERS) | {label: label for label in kept}
        merged: Counter[tuple[str, str]] = Counter()
        # Labels that gold never has get a row, too.
        supports = Counter(dict.fromkeys(names.values(), 0))
        for (gold, predicted), n in counts.items():
            merged[names[gold], names[predicted]] += n
            supports[names[gold]] += n
        labels = sorted(supports, key=lambda label: (label == NONE, label == OTHERS, -supports[label], label))
        return cls(labels, [[merged[gold, predicted] for predicted in labels] for gold in labels])

    def most_confused(self, n: int) -> list[tuple[str, str, int, float]]:
        """Return the `n` most frequent confusions: gold, predicted, their number, and its share of the items with that gold."""
        found = [
            (gold, predicted, count, count / sum(row))
            for gold, row in zip(self.labels, self.counts, strict=True)
            for predicted, count in zip(self.labels, row, strict=True)
            if count and gold != predicted
        ]
        return sorted(found, key=lambda each: (-each[2], *each[:2]))[:n]
