"""The labels that scores of CTC spell by their best alignment, as a greedy search finds them."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor


class LabelPath(NamedTuple):
    """The labels of one record along one alignment."""

    labels: list[int]
    spans: list[tuple[int, int]]
    """The first step of each label and that after its last; blanks belong to no label."""
    log_score: float
    """That of the alignment, not of the labels: it is one of many that spell them. 0 for length 0."""


def ctc_best_path(scores: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"], *, blank: int) -> list[LabelPath]:
    """Return for each record the labels that its best alignment spells: best path decoding (Graves et al. 2006, section 3.2).

    Equal units side by side are one label; blanks are left out. Of equal units the first is taken. Scores at or beyond a
    record's length are not read. Gives no gradient.
    """
    records = zip(scores.detach().double().cpu(), lengths.tolist(), strict=True)
    return [_spelled(record[:length], blank) for record, length in records]


def _spelled(scores: Float[Tensor, "time unit"], blank: int) -> LabelPath:
    """Return the labels of one record without padding."""
    best, path = scores.max(1)
    units, n_steps = path.unique_consecutive(return_counts=True)
    ends = n_steps.cumsum(0)
    is_label = units != blank
    spans = zip((ends - n_steps)[is_label].tolist(), ends[is_label].tolist(), strict=True)
    return LabelPath(units[is_label].tolist(), list(spans), float(best.sum()))
