"""Alignment of two label sequences by edit distance."""

from collections.abc import Sequence
from typing import TypeAlias

Pair: TypeAlias = tuple[str | None, str | None]
"""Gold and predicted label; None for the missing side of an insertion or deletion."""


def aligned(gold: Sequence[str], predicted: Sequence[str]) -> list[Pair]:
    """Align two sequences with the fewest edits; ties are broken towards substitutions at the end."""
    costs = _costs(gold, predicted)
    i, j = len(gold), len(predicted)
    pairs = list[Pair]()
    # Walk back from the end along the cheapest cells; a substitution or match is preferred to a deletion and an insertion.
    while i or j:
        if i and j and costs[i][j] == costs[i - 1][j - 1] + (gold[i - 1] != predicted[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((gold[i], predicted[j]))
        elif i and costs[i][j] == costs[i - 1][j] + 1:
            i -= 1
            pairs.append((gold[i], None))
        else:
            j -= 1
            pairs.append((None, predicted[j]))
    return pairs[::-1]


def _costs(gold: Sequence[str], predicted: Sequence[str]) -> list[list[int]]:
    # The full table, since the walk back needs every row; records are short.
    rows = [list(range(len(predicted) + 1))]
    for i, label in enumerate(gold, start=1):
        before, row = rows[-1], [i]
        for j, guess in enumerate(predicted, start=1):
            row.append(min(before[j - 1] + (label != guess), before[j] + 1, row[-1] + 1))
        rows.append(row)
    return rows
