"""Accuracy and F1 of labels: one a record, several a record, or one a step."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from seqlab.errors import DataError
from seqlab.metrics.precision_recall import check_same_records, check_same_steps, precision_recall_f1


def classification_scores(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Return scores of one label a record.

    `macro_f1` is the mean over the labels that occur in gold, so a label that is only ever predicted costs its victims'
    recall but adds no zero of its own; `per_label` has every label in gold or predicted. `majority_accuracy` is what
    always answering the most frequent gold label would reach.

    Raises:
        DataError: the number of records differs.
    """
    check_same_records(gold, predicted)
    confusion = Counter(zip(gold, predicted, strict=True))
    supports = _sums((label, n) for (label, _), n in confusion.items())
    per_label = _per_label(
        correct=_sums((label, n) for (label, guess), n in confusion.items() if label == guess),
        predicted=_sums((guess, n) for (_, guess), n in confusion.items()),
        gold=supports,
    )
    n_correct = sum(n for (label, guess), n in confusion.items() if label == guess)
    return {
        "accuracy": _ratio(n_correct, len(gold)),
        "macro_f1": _macro_f1(per_label),
        "majority_accuracy": _ratio(max(supports.values(), default=0), len(gold)),
        "per_label": per_label,
    }


def multilabel_scores(gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]]) -> dict[str, Any]:
    """Return scores of several labels a record, or none; order and repetition do not matter.

    `micro_f1` counts every label of every record alike, `macro_f1` is the mean over the labels that occur in gold,
    `subset_accuracy` the share of records whose labels are all right and complete.

    Raises:
        DataError: the number of records differs, or a record's labels are one string.
    """
    check_same_records(gold, predicted)
    gold_sets, predicted_sets = _label_sets(gold), _label_sets(predicted)
    pairs = list(zip(gold_sets, predicted_sets, strict=True))
    correct = Counter(chain.from_iterable(labels & guesses for labels, guesses in pairs))
    n_gold, n_predicted = Counter(chain.from_iterable(gold_sets)), Counter(chain.from_iterable(predicted_sets))
    per_label = _per_label(correct=correct, predicted=n_predicted, gold=n_gold)
    micro = precision_recall_f1(n_correct=correct.total(), n_predicted=n_predicted.total(), n_gold=n_gold.total())
    return {
        "micro_f1": micro["f1"],
        "macro_f1": _macro_f1(per_label),
        "subset_accuracy": _ratio(sum(labels == guesses for labels, guesses in pairs), len(pairs)),
        "per_label": per_label,
    }


def tag_accuracy(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return the share of steps with the right tag, and the scores of each tag in gold or predicted.

    Raises:
        DataError: the number of records differs, or of a record's steps; the message names the record.
    """
    check_same_steps(gold, predicted)
    scores = classification_scores(list(chain.from_iterable(gold)), list(chain.from_iterable(predicted)))
    return {"accuracy": scores["accuracy"], "per_tag": scores["per_label"]}


def _sums(counts: Iterable[tuple[str, int]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for label, n in counts:
        sums[label] += n
    return sums


def _per_label(*, correct: Counter[str], predicted: Counter[str], gold: Counter[str]) -> dict[str, dict[str, int | float]]:
    return {
        label: precision_recall_f1(n_correct=correct[label], n_predicted=predicted[label], n_gold=gold[label])
        | {"support": gold[label]}
        for label in sorted(gold.keys() | predicted.keys())
    }


def _macro_f1(per_label: dict[str, dict[str, int | float]]) -> float:
    f1s = [scores["f1"] for scores in per_label.values() if scores["support"]]
    return sum(f1s) / len(f1s) if f1s else 0.0


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0


def _label_sets(rows: Sequence[Collection[str]]) -> list[frozenset[str]]:
    for index, row in enumerate(rows):
        if isinstance(row, str):
            raise DataError(f"record {index}: labels are {row!r}; expected a collection of labels; write [{row!r}]")
    return [frozenset(row) for row in rows]
