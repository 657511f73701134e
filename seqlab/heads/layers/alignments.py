"""What the layers over labels without positions share: checks of their arguments, loss, marginals and alignment."""

import math
from abc import ABC, abstractmethod
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.errors import ConfigError
from seqlab.functional import alignment
from seqlab.functional.alignment import Topology
from seqlab.functional.padding import Lengths, checked_lengths, step_mask
from seqlab.heads.layers.reductions import check_reduction, reduced
from seqlab.heads.parts.options import check_option

Scores: TypeAlias = Float[Tensor, "batch time unit"]
# The shapes of these are checked against the scores, with a message of our own.
Labels: TypeAlias = Int[Tensor, "batch_of_labels label"]


class AlignmentLayer(nn.Module, ABC):
    """Base class of layers that sum over the alignments of labels with steps.

    Args:
        n_labels: Number of different labels, at least 1.
        n_units: Number of scores of a step.
        units: What these are of, for messages.
        blank: The unit that is no label, where the others are the ids of labels; None: ids are 0 to n_labels - 1.
    """

    def __init__(self, n_labels: int, n_units: int, *, units: str, blank: int | None) -> None:
        super().__init__()
        check_option(n_labels >= 1, "at least 1", n_labels=n_labels)
        self.n_labels, self.n_units, self.blank, self._units = n_labels, n_units, blank, units

    def loss(
        self,
        scores: Scores,
        labels: Labels,
        lengths: Lengths = None,
        label_lengths: Lengths = None,
        *,
        reduction: str = "mean",
        zero_infinity: bool = False,
    ) -> Tensor:
        """Return minus the log of the sum over all alignments with the labels, in nats: for CTC, -log P(labels).

        Args:
            scores: Logits or log-probabilities, any real numbers.
            labels: Gold ids (batch, label), padded with any ids.
            lengths: Steps of each record; None: no step is padding.
            label_lengths: Number of labels of each record; None: no label is padding.
            reduction: `mean` over records, `label_mean` over labels, where the end counts as a label of each record, `sum`, or
                `none`: one loss a record.
            zero_infinity: Whether a record whose labels fit in no alignment has loss 0, not infinity. Its gradient is 0 in any
                case.

        Raises:
            ConfigError: a shape, a length, a label or the reduction does not fit.
        """
        check_reduction(reduction, of="label")
        log_probs, steps, n_labels = self._checked(scores, lengths, labels, label_lengths)
        losses, fits = self._losses(log_probs, steps, labels, n_labels)
        return reduced(torch.where(fits, losses, 0.0 if zero_infinity else math.inf), reduction, n_labels + 1)

    def marginals(
        self, scores: Scores, labels: Labels, lengths: Lengths = None, label_lengths: Lengths = None
    ) -> Float[Tensor, "batch time unit"]:
        """Return P(unit at step | labels): 0 at padding, and where the labels fit in no alignment. No gradient."""
        return alignment.unit_posteriors(*self._aligned(scores, labels, lengths, label_lengths))

    def align(
        self, scores: Scores, labels: Labels, lengths: Lengths = None, label_lengths: Lengths = None
    ) -> list[list[tuple[int, int]]]:
        """Return the steps of each label in the best alignment with given labels, as (start, end), end exclusive.

        A record whose labels fit in no alignment has an empty list. Blanks and silences belong to no label.
        """
        values, steps, topology = self._aligned(scores, labels, lengths, label_lengths)
        spans = alignment.label_spans(alignment.best_alignment(values, steps, topology)[1], topology).tolist()
        return [[(start, end) for start, end in row if end > 0] for row in spans]

    @abstractmethod
    def decode(self, scores: Scores, lengths: Lengths = None) -> list[list[int]]:
        """Return the labels of each record."""

    @abstractmethod
    def _losses(self, log_probs: Tensor, steps: Tensor, labels: Tensor, n_labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of each record, and whether its labels fit in an alignment."""

    @abstractmethod
    def _topology(self, labels: Tensor, n_labels: Tensor) -> Topology:
        """Return the states that alignments pass through."""

    def _alignment_scores(self, log_probs: Tensor) -> Tensor:
        """Return the scores of units that alignments are made of."""
        return log_probs

    def _aligned(
        self, scores: Tensor, labels: Tensor, lengths: Lengths, label_lengths: Lengths
    ) -> tuple[Tensor, Tensor, Topology]:
        log_probs, steps, n_labels = self._checked(scores, lengths, labels, label_lengths)
        return self._alignment_scores(log_probs), steps, self._topology(labels, n_labels)

    def _checked(
        self, scores: Tensor, lengths: Lengths, labels: Tensor, label_lengths: Lengths
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-probabilities, lengths and numbers of labels that fit each other."""
        log_probs, steps = self._log_probs(scores, lengths)
        if labels.dim() != 2 or len(labels) != len(scores):
            raise ConfigError(f"labels have the shape {tuple(labels.shape)}; expected ({len(scores)}, label)")
        sizes, limit = (labels.shape[0], labels.shape[1]), "the columns of labels"
        n_labels, _ = checked_lengths(label_lengths, sizes, scores.device, name="label_lengths", limit=limit)
        highest = self.n_labels - (self.blank is None)
        is_label = (labels >= 0) & (labels <= highest)
        is_label &= labels != (-1 if self.blank is None else self.blank)
        wrong = labels[step_mask(n_labels, labels.shape[1]) & ~is_label].tolist()
        if wrong:
            without = "" if self.blank is None else f", without the blank, {self.blank}"
            raise ConfigError(f"a label is {wrong[0]}; expected 0 to {highest}{without}")
        return log_probs, steps, n_labels

    def _log_probs(self, scores: Tensor, lengths: Lengths) -> tuple[Tensor, Tensor]:
        if scores.dim() != 3 or scores.shape[2] != self.n_units:
            expected = f"(batch, time, {self.n_units}), for {self._units}"
            raise ConfigError(f"scores have the shape {tuple(scores.shape)}; expected {expected}")
        steps, _ = checked_lengths(lengths, (scores.shape[0], scores.shape[1]), scores.device)
        # in float32 at least: sums over alignments add up many small numbers
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        # 0 at padding: the gradient of log_softmax would be NaN where its input is
        is_padding = ~step_mask(steps, scores.shape[1])
        return scores.masked_fill(is_padding.unsqueeze(2), 0.0).log_softmax(2), steps
