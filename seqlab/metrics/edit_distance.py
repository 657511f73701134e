"""Label error rate: Levenshtein distance between label sequences of different lengths.

    cost[i, j] = min(cost[i-1, j-1] + substitution, cost[i-1, j] + deletion, cost[i, j-1] + insertion)

The table is computed row by row, for many records at once. Insertions depend on their left neighbour; they are a running
minimum over `cost[i, j] - j * insertion`. A substitution costs `n`, a deletion or insertion `n + 1`, with `n` above any number
of edits: then cost // n is the distance, and cost % n is the number of deletions and insertions in the optimal alignment with
the fewest of them.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Int

from seqlab.errors import DataError
from seqlab.metrics.precision_recall import check_same_records

Counts: TypeAlias = Int[np.ndarray, " record"]

_ROW_CELLS = 1 << 18
"""Cells of one row of the table over all records of a batch, so that a row fits into the CPU cache."""


def label_error_rate(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, int | float]:
    """Return the number of edits that turn the gold labels into the predicted ones, over all records.

    `label_error_rate` is the number of edits per gold label; it may exceed 1, and without gold labels it is the number of
    insertions. `substitutions`, `insertions` and `deletions` are counts for the alignment with the fewest edits; among these,
    the one with the most substitutions. `sequence_error_rate` is the share of records with an edit.

    Raises:
        DataError: the numbers of records differ.

    Example:
        >>> scores = label_error_rate([["a", "b", "c", "d"]], [["a", "c", "d"]])
        >>> scores["label_error_rate"], scores["deletions"]
        (0.25, 1)
    """
    check_same_records(gold, predicted)
    n_gold, n_predicted = _lengths(gold), _lengths(predicted)
    edits, indels = _fewest_edits(gold, predicted)
    surplus = n_predicted - n_gold
    return {
        "label_error_rate": int(edits.sum()) / max(1, int(n_gold.sum())),
        "substitutions": int((edits - indels).sum()),
        "insertions": int((indels + surplus).sum()) // 2,
        "deletions": int((indels - surplus).sum()) // 2,
        "sequence_error_rate": float(np.mean(edits > 0)) if len(gold) else 0.0,
    }


def closest_references(references: Sequence[Sequence[Sequence[str]]], predicted: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the reference of each record with the fewest edits to its prediction; the first of several.

    Raises:
        DataError: the numbers of records differ, or a record has no reference.
    """
    check_same_records(references, predicted)
    n_references = np.array([len(answers) for answers in references], dtype=np.int64)
    if not n_references.all():
        raise DataError(f"record {int(np.argmin(n_references))}: no right answer; expected one at least")
    closest = [list(answers[0]) for answers in references]
    several = np.flatnonzero(n_references > 1).tolist()
    pairs = [(answer, predicted[i]) for i in several for answer in references[i]]
    edits, _ = _fewest_edits([answer for answer, _ in pairs], [guess for _, guess in pairs])
    for i, of_record in zip(several, np.split(edits, np.cumsum(n_references[several])), strict=False):
        closest[i] = list(references[i][int(np.argmin(of_record))])
    return closest


def _fewest_edits(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> tuple[Counts, Counts]:
    """Return the number of edits of each record, and the number of deletions and insertions among them."""
    n_gold, n_predicted = _lengths(gold), _lengths(predicted)
    edits, indels = np.zeros_like(n_gold), np.zeros_like(n_gold)
    # records of similar lengths together need little padding
    order = np.lexsort((n_predicted, n_gold))
    codes: dict[str, int] = {}
    size = max(1, _ROW_CELLS // (int(n_predicted.max(initial=0)) + 1))
    for batch in np.split(order, range(size, len(order), size)) if len(order) else []:
        rows = [_padded([side[i] for i in batch], codes=codes) for side in (gold, predicted)]
        edits[batch], indels[batch] = _edits(*rows, n_gold=n_gold[batch], n_predicted=n_predicted[batch])
    return edits, indels


def _lengths(rows: Sequence[Sequence[str]]) -> Counts:
    return np.array([len(row) for row in rows], dtype=np.int64)


def _padded(rows: Sequence[Sequence[str]], *, codes: dict[str, int]) -> Int[np.ndarray, "record label"]:
    # -1 is no label's code, so padding never equals a label
    padded = np.full((len(rows), max(map(len, rows))), -1, dtype=np.int64)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = [codes.setdefault(label, len(codes)) for label in row]
    return padded


def _edits(
    gold: Int[np.ndarray, "record gold"],
    predicted: Int[np.ndarray, "record label"],
    *,
    n_gold: Counts,
    n_predicted: Counts,
) -> tuple[Counts, Counts]:
    """Do the same for records as padded rows of label codes."""
    # `final` keeps the row of the last gold label of each record, so that padding does not count
    substitution = gold.shape[1] + predicted.shape[1] + 1
    indel = substitution + 1
    insertions = np.arange(predicted.shape[1] + 1, dtype=np.int64) * indel
    cost = np.repeat(insertions[None], len(gold), axis=0)
    final = cost.copy()
    for i in range(gold.shape[1]):
        deleted = cost + indel
        matched = cost[:, :-1] + substitution * (predicted != gold[:, i : i + 1])
        np.minimum(deleted[:, 1:], matched, out=deleted[:, 1:])
        # the cheapest way from any cell to the left, by insertions only
        cost = np.minimum.accumulate(deleted - insertions, axis=1) + insertions
        is_last = n_gold == i + 1
        final[is_last] = cost[is_last]
    edits, indels = np.divmod(final[np.arange(len(final)), n_predicted], substitution)
    return edits, indels
