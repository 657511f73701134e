"""Precision, recall and F1 from counts, and checks that gold and predictions match."""

from collections import Counter
from collections.abc import Sequence, Sized

from seqlab.errors import DataError


def precision_recall_f1(*, n_correct: int, n_predicted: int, n_gold: int) -> dict[str, float]:
    """Return `precision`, `recall` and `f1`; 0 if the denominator is 0."""
    precision = n_correct / n_predicted if n_predicted else 0.0
    recall = n_correct / n_gold if n_gold else 0.0
    # Tested by the correct ones: without any, precision and recall are 0, and so is their sum.
    f1 = 2 * precision * recall / (precision + recall) if n_correct else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def per_label_scores(
    *, correct: Counter[str], predicted: Counter[str], gold: Counter[str]
) -> dict[str, dict[str, int | float]]:
    """Return the scores and `support` (number of gold items) of each label in gold or predictions, sorted by label."""
    return {
        label: precision_recall_f1(n_correct=correct[label], n_predicted=predicted[label], n_gold=gold[label])
        | {"support": gold[label]}
        for label in sorted(gold.keys() | predicted.keys())
    }


def check_same_records(gold: Sized, predicted: Sized) -> None:
    """Check that there is one prediction per gold record.

    Raises:
        DataError: the numbers differ.
    """
    if len(gold) != len(predicted):
        raise DataError(f"predicted has {len(predicted)} records; expected {len(gold)}, one for each gold record")


def check_same_steps(gold: Sequence[Sized], predicted: Sequence[Sized]) -> None:
    """Check that there is one prediction per step of each gold record.

    Raises:
        DataError: the numbers of records or of the steps of a record differ; the message has the index of the record.
    """
    check_same_records(gold, predicted)
    sizes, guessed = list(map(len, gold)), list(map(len, predicted))
    if sizes != guessed:
        index = next(i for i, (size, guess) in enumerate(zip(sizes, guessed, strict=True)) if size != guess)
        raise DataError(f"record {index}: predicted has {guessed[index]} steps; expected {sizes[index]}, one per gold step")
