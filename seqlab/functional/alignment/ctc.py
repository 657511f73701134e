"""The loss of connectionist temporal classification (Graves et al. 2006), by the fastest kernel that is exact."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import ctc_loss as torch_ctc_loss

from seqlab.functional.alignment import compiled as alignment_compiled
from seqlab.functional.alignment.sums import log_sum
from seqlab.functional.alignment.topology import check_labels, ctc_topology
from seqlab.functional.padding import step_mask


class CtcLoss(NamedTuple):
    """The loss of each record of a batch."""

    losses: Float[Tensor, " batch"]
    """-log P(labels), in nats a record (not a step); 0, with a gradient of 0, where the labels do not fit."""
    fits: Bool[Tensor, " batch"]
    """Whether the labels fit in the steps: False where there are too few steps, or every alignment has probability 0."""


def ctc_loss(
    log_probs: Float[Tensor, "batch time unit"],
    lengths: Int[Tensor, " batch"],
    labels: Int[Tensor, "batch label"],
    n_labels: Int[Tensor, " batch"],
    *,
    blank: int,
) -> CtcLoss:
    """Return -log P(labels) of each record, equal to -`log_sum`, and where it is defined.

    Each step must be normalised, as by log_softmax: torch's gradient assumes it. Torch's kernel runs on accelerators, and
    where the compiled sums, which are faster, are unavailable. Log-probabilities and labels at padding are not read. float16
    and bfloat16 are summed in float64. Differentiable once.

    Raises: ValueError for a blank that is not a unit, a label that is the blank or not a unit, and more labels than columns.
    """
    n_units = log_probs.shape[2]
    if not 0 <= blank < n_units:
        raise ValueError(f"blank is {blank}; expected one of the {n_units} units, from 0")
    is_unit = (labels >= 0) & (labels < n_units) & (labels != blank)
    check_labels(labels, n_labels, is_allowed=is_unit, expected=f"one of the {n_units} units but the blank, {blank}")
    if not alignment_compiled.is_usable(log_probs) and _suits_torch(log_probs, lengths):
        return _torch_loss(log_probs, lengths, labels, n_labels, blank)
    total = log_sum(log_probs, lengths, ctc_topology(labels, n_labels, blank=blank))
    fits = total > -torch.inf
    return CtcLoss(torch.where(fits, -total, 0.0), fits)


def _suits_torch(log_probs: Tensor, lengths: Tensor) -> bool:
    """Return whether torch gives exact losses and gradients: not for probabilities of 0."""
    # Torch's CUDA kernel raises an error when deterministic algorithms are asked for.
    is_deterministic = not (log_probs.is_cuda and torch.are_deterministic_algorithms_enabled())
    if log_probs.dtype not in (torch.float32, torch.float64) or not log_probs.shape[1] or not is_deterministic:
        return False
    is_finite = log_probs.detach().isfinite().all(2) | ~step_mask(lengths, log_probs.shape[1])
    return bool(is_finite.all())


def _torch_loss(log_probs: Tensor, lengths: Tensor, labels: Tensor, n_labels: Tensor, blank: int) -> CtcLoss:
    is_label = step_mask(n_labels, labels.shape[1])
    # Between equal labels CTC needs a blank, hence a step more for each.
    is_repeat = is_label[:, 1:] & (labels[:, 1:] == labels[:, :-1])
    fits = lengths >= n_labels + is_repeat.sum(1)
    losses = torch_ctc_loss(
        log_probs.transpose(0, 1),
        labels.long().masked_fill(~is_label, 0),
        lengths.long(),
        n_labels.long(),
        blank=blank,
        reduction="none",
        # Without it, a record that does not fit has an infinite loss and gradients of NaN.
        zero_infinity=True,
    )
    return CtcLoss(losses, fits)


class LabelPath(NamedTuple):
    """The labels of one record along one alignment."""

    labels: list[int]
    spans: list[tuple[int, int]]
    """First step of each label, and the step after its last; blanks belong to no label."""
    log_score: float
    """Score of the alignment, not of the labels, which have many alignments. 0 for length 0."""


def ctc_best_path(scores: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"], *, blank: int) -> list[LabelPath]:
    """Return the labels of each record's best alignment: best path decoding (Graves et al. 2006, section 3.2).

    Equal adjacent units are one label; blanks are left out. Of equally probable units the first is taken. Scores at or beyond a
    record's length are not read. Gives no gradient.
    """
    records = zip(scores.detach().double().cpu(), lengths.tolist(), strict=True)
    return [_collapse_path(record[:length], blank) for record, length in records]


def _collapse_path(scores: Float[Tensor, "time unit"], blank: int) -> LabelPath:
    """Return the labels of one record without padding."""
    best, path = scores.max(1)
    units, n_steps = path.unique_consecutive(return_counts=True)
    ends = n_steps.cumsum(0)
    is_label = units != blank
    spans = zip((ends - n_steps)[is_label].tolist(), ends[is_label].tolist(), strict=True)
    return LabelPath(units[is_label].tolist(), list(spans), float(best.sum()))
