"""Accuracy and F1 of labels: one per record, several per record, or one per step."""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any

from seqlab.errors import DataError
from seqlab.metrics.precision_recall import check_same_records, check_same_steps, per_label_scores, precision_recall_f1


def classification_scores(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Return scores of one label per record.

    `macro_f1` is the mean over the labels in gold: a label that only occurs in predictions lowers the recall of others, but
    does not add an F1 of 0. `per_label` has all labels in gold or predictions. `majority_accuracy` is the accuracy of always
    predicting the most frequent gold label.

    Raises:
        DataError: the numbers of records differ.

    Example:
        >>> scores = classification_scores(["yes", "no", "no"], ["yes", "no", "yes"])
        >>> scores["per_label"]["no"]
        {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666, 'support': 2}
    """
    check_same_records(gold, predicted)
    correct = Counter(label for label, guess in zip(gold, predicted, strict=True) if label == guess)
    supports = Counter(gold)
    per_label = per_label_scores(correct=correct, predicted=Counter(predicted), gold=supports)
    return {
        "accuracy": _ratio(correct.total(), len(gold)),
        "macro_f1": _macro_f1(per_label),
        "majority_accuracy": _ratio(max(supports.values(), default=0), len(gold)),
        "per_label": per_label,
    }


def multilabel_scores(gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]]) -> dict[str, Any]:
    """Return scores of any number of labels per record; order and repetition do not matter.

    `micro_f1` weights all labels of all records equally, `macro_f1` is the mean over the labels in gold, and `subset_accuracy`
    is the share of records with exactly the gold labels.

    Raises:
        DataError: the numbers of records differ, or the labels of a record are a single string.
    """
    check_same_records(gold, predicted)
    gold_sets, predicted_sets = _label_sets(gold), _label_sets(predicted)
    pairs = list(zip(gold_sets, predicted_sets, strict=True))
    correct = Counter(chain.from_iterable(labels & guesses for labels, guesses in pairs))
    n_gold, n_predicted = Counter(chain.from_iterable(gold_sets)), Counter(chain.from_iterable(predicted_sets))
    per_label = per_label_scores(correct=correct, predicted=n_predicted, gold=n_gold)
    micro = precision_recall_f1(n_correct=correct.total(), n_predicted=n_predicted.total(), n_gold=n_gold.total())
    return {
        "micro_f1": micro["f1"],
        "macro_f1": _macro_f1(per_label),
        "subset_accuracy": _ratio(sum(labels == guesses for labels, guesses in pairs), len(pairs)),
        "per_label": per_label,
    }


def tag_accuracy(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return the share of steps with the correct tag, and the scores of each tag.

    Raises:
        DataError: the numbers of records or of the steps of a record differ; the message names the record.

    Example:
        >>> tag_accuracy([["O", "B-PER"], ["O", "O"]], [["O", "O"], ["O", "O"]])["accuracy"]
        0.75
    """
    check_same_steps(gold, predicted)
    scores = classification_scores(list(chain.from_iterable(gold)), list(chain.from_iterable(predicted)))
    return {"accuracy": scores["accuracy"], "per_tag": scores["per_label"]}


def _macro_f1(per_label: dict[str, dict[str, int | float]]) -> float:
    # a label that gold lacks would count as 0, although it already lowers the recall of others
    f1s = [scores["f1"] for scores in per_label.values() if scores["support"]]
    return sum(f1s) / len(f1s) if f1s else 0.0


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0


def _label_sets(rows: Sequence[Collection[str]]) -> list[frozenset[str]]:
    for index, row in enumerate(rows):
        if isinstance(row, str):
            raise DataError(f"record {index}: labels are {row!r}; expected a collection of labels; write [{row!r}]")
    return [frozenset(row) for row in rows]
