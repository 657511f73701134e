"""Two sequences of labels laid side by side with the fewest edits."""

from collections.abc import Sequence
from typing import TypeAlias

Pair: TypeAlias = tuple[str | None, str | None]
"""Gold and said; None where one of them has nothing."""


def aligned(gold: Sequence[str], said: Sequence[str]) -> list[Pair]:
    """Return the pairs of an alignment with the fewest edits; of equals, one with most substitutions at the end."""
    costs = _costs(gold, said)
    i, j = len(gold), len(said)
    pairs = list[Pair]()
    while i or j:
        if i and j and costs[i][j] == costs[i - 1][j - 1] + (gold[i - 1] != said[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((gold[i], said[j]))
        elif i and costs[i][j] == costs[i - 1][j] + 1:
            i -= 1
            pairs.append((gold[i], None))
        else:
            j -= 1
            pairs.append((None, said[j]))
    return pairs[::-1]


def _costs(gold: Sequence[str], said: Sequence[str]) -> list[list[int]]:
    rows = [list(range(len(said) + 1))]
    for i, label in enumerate(gold, start=1):
        before, row = rows[-1], [i]
        for j, guess in enumerate(said, start=1):
            row.append(min(before[j - 1] + (label != guess), before[j] + 1, row[-1] + 1))
        rows.append(row)
    return rows
