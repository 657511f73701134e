"""Precision, recall and F1 from counts, and the check that gold and predicted belong together."""

from collections.abc import Sequence, Sized

from seqlab.errors import DataError


def precision_recall_f1(*, n_correct: int, n_predicted: int, n_gold: int) -> dict[str, float]:
    """Return `precision`, `recall` and `f1`, each 0.0 where nothing can be divided by."""
    precision = n_correct / n_predicted if n_predicted else 0.0
    recall = n_correct / n_gold if n_gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if n_correct else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def check_same_records(gold: Sized, predicted: Sized) -> None:
    """Check that there is one prediction for each gold record.

    Raises:
        DataError: their numbers differ.
    """
    if len(gold) != len(predicted):
        raise DataError(f"predicted has {len(predicted)} records; expected {len(gold)}, one for each gold record")


def check_same_steps(gold: Sequence[Sized], predicted: Sequence[Sized]) -> None:
    """Check that there is one prediction for each step of each gold record.

    Raises:
        DataError: the number of records differs, or the number of steps of one, which the message names by its index.
    """
    check_same_records(gold, predicted)
    sizes, guessed = list(map(len, gold)), list(map(len, predicted))
    if sizes != guessed:
        index = next(i for i, (size, guess) in enumerate(zip(sizes, guessed, strict=True)) if size != guess)
        raise DataError(
            f"record {index}: predicted has {guessed[index]} steps; expected {sizes[index]}, one for each gold step"
        )
