"""`Ctc`: connectionist temporal classification as a layer over scores, labels and lengths."""

import math
from typing import TypeAlias, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.errors import ConfigError
from seqlab.functional import alignment
from seqlab.functional.alignment import Prior, Topology, ctc_topology
from seqlab.functional.padding import Lengths, checked_lengths, step_mask
from seqlab.heads.layers.reductions import check_reduction, reduced
from seqlab.heads.parts.ctc_search import CtcSearch
from seqlab.heads.parts.options import check_option

Scores: TypeAlias = Float[Tensor, "batch time unit"]
# The shapes of these are checked against the scores, with a message of our own.
Labels: TypeAlias = Int[Tensor, "batch_of_labels label"]


@final
class Ctc(nn.Module):
    """CTC (Graves et al. 2006) over scores (batch, time, unit), such as the output of a linear layer; it has no parameters.

    A unit is a label or the blank: a step has n_labels + 1 scores, which are normalised here; log-probabilities stay as they
    are. Sums run in float64 on the CPU, whatever the type of the scores; padding and batch-mates change nothing.

    Args:
        n_labels: Number of different labels, at least 1.
        blank: Unit of the blank, from 0 to n_labels; the other units are the ids of labels. None: n_labels, the last unit, so
            that labels have the ids 0 to n_labels - 1.
        beam_width: 1: decode the labels of the best alignment; above 1: width of the prefix beam search for the best labels.
            For n-best lists the beam is at least n wide.
        insertion_bonus: Nats that each label adds in the beam search.
        prior: Distribution over label sequences that the beam search multiplies with; None: none.
        prior_weight: Factor of the log-probability that the prior gives, at least 0.

    Example:
        >>> ctc = Ctc(n_labels=3)
        >>> scores = torch.tensor([[[9.0, 0, 0, 0], [9, 0, 0, 0], [0, 0, 0, 9], [0, 9, 0, 0]]])
        >>> ctc.decode(scores)
        [[0, 1]]
        >>> ctc.align(scores, torch.tensor([[0, 1]]))
        [[(0, 2), (3, 4)]]
    """

    def __init__(
        self,
        n_labels: int,
        *,
        blank: int | None = None,
        beam_width: int = 1,
        insertion_bonus: float = 0.0,
        prior: Prior | None = None,
        prior_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_option(n_labels >= 1, "at least 1", n_labels=n_labels)
        self.n_labels, self.blank = n_labels, n_labels if blank is None else blank
        check_option(0 <= self.blank <= n_labels, f"0 to {n_labels}, or None", blank=blank)
        check_option(beam_width >= 1, "at least 1", beam_width=beam_width)
        check_option(math.isfinite(insertion_bonus), "a finite number", insertion_bonus=insertion_bonus)
        check_option(0 <= prior_weight < math.inf, "a number, at least 0", prior_weight=prior_weight)
        if prior is not None and beam_width == 1:
            raise ConfigError("prior needs a beam; set beam_width above 1, such as 10")
        self.search = CtcSearch(self.blank, beam_width, insertion_bonus, prior, prior_weight)

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
        """Return -log P(labels), in nats.

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
        log_probs, lengths, label_lengths = self._checked(scores, lengths, labels, label_lengths)
        losses, fits = alignment.ctc_loss(log_probs, lengths, labels, label_lengths, blank=self.blank)
        if not zero_infinity:
            losses = losses.masked_fill(~fits, math.inf)
        return reduced(losses, reduction, label_lengths + 1)

    def log_prob(
        self, scores: Scores, labels: Labels, lengths: Lengths = None, label_lengths: Lengths = None
    ) -> Float[Tensor, " batch"]:
        """Return log P(labels) of each record, with a gradient; arguments are those of `loss`."""
        return -self.loss(scores, labels, lengths, label_lengths, reduction="none")

    def decode(self, scores: Scores, lengths: Lengths = None) -> list[list[int]]:
        """Return the labels of each record: those of the best alignment, or the best that the beam search finds."""
        return self.search.decode(*self._log_probs(scores, lengths))

    def n_best(self, scores: Scores, lengths: Lengths = None, *, n: int) -> list[list[tuple[list[int], float]]]:
        """Return the `n` best label sequences found for each record with their probabilities, best first.

        The prior and the insertion bonus affect the order, not the probabilities.
        """
        check_option(n >= 1, "at least 1", n=n)
        ranked = self.search.rank(*self._log_probs(scores, lengths), n)
        return [[(labels, math.exp(log_prob)) for labels, log_prob in row] for row in ranked]

    def marginals(
        self, scores: Scores, labels: Labels, lengths: Lengths = None, label_lengths: Lengths = None
    ) -> Float[Tensor, "batch time unit"]:
        """Return P(unit at step | labels): 0 at padding, and where the labels fit in no alignment. No gradient."""
        return alignment.unit_posteriors(*self._aligned(scores, labels, lengths, label_lengths))

    def align(
        self, scores: Scores, labels: Labels, lengths: Lengths = None, label_lengths: Lengths = None
    ) -> list[list[tuple[int, int]]]:
        """Return the steps of each label in the best alignment with given labels, as (start, end), end exclusive.

        A record whose labels fit in no alignment has an empty list. Blanks belong to no label.
        """
        log_probs, steps, topology = self._aligned(scores, labels, lengths, label_lengths)
        spans = alignment.label_spans(alignment.best_alignment(log_probs, steps, topology)[1], topology).tolist()
        return [[(start, end) for start, end in row if end > 0] for row in spans]

    def extra_repr(self) -> str:
        """Return the sizes, for printing the module."""
        return f"n_labels={self.n_labels}, blank={self.blank}, beam_width={self.search.beam_width}"

    def _aligned(
        self, scores: Tensor, labels: Tensor, lengths: Lengths, label_lengths: Lengths
    ) -> tuple[Tensor, Tensor, Topology]:
        log_probs, steps, n_labels = self._checked(scores, lengths, labels, label_lengths)
        return log_probs, steps, ctc_topology(labels, n_labels, blank=self.blank)

    def _checked(
        self, scores: Tensor, lengths: Lengths, labels: Tensor, label_lengths: Lengths
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-probabilities, lengths and numbers of labels that fit each other."""
        log_probs, steps = self._log_probs(scores, lengths)
        if labels.dim() != 2 or len(labels) != len(scores):
            raise ConfigError(f"labels have the shape {tuple(labels.shape)}; expected ({len(scores)}, label)")
        limit = "the columns of labels"
        n_labels, _ = checked_lengths(
            label_lengths, (len(labels), labels.shape[1]), scores.device, name="label_lengths", limit=limit
        )
        is_wrong = step_mask(n_labels, labels.shape[1]) & ((labels < 0) | (labels > self.n_labels) | (labels == self.blank))
        if is_wrong.any():
            wrong = int(labels[is_wrong][0])
            raise ConfigError(f"a label is {wrong}; expected 0 to {self.n_labels}, without the blank, {self.blank}")
        return log_probs, steps, n_labels

    def _log_probs(self, scores: Tensor, lengths: Lengths) -> tuple[Tensor, Tensor]:
        n_units = self.n_labels + 1
        if scores.dim() != 3 or scores.shape[2] != n_units:
            expected = f"(batch, time, {n_units}), for {self.n_labels} labels and the blank"
            raise ConfigError(f"scores have the shape {tuple(scores.shape)}; expected {expected}")
        steps, _ = checked_lengths(lengths, (scores.shape[0], scores.shape[1]), scores.device)
        # in float32 at least: sums over alignments add up many small numbers
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        # 0 at padding: the gradient of log_softmax would be NaN where its input is
        is_padding = ~step_mask(steps, scores.shape[1])
        return scores.masked_fill(is_padding.unsqueeze(2), 0.0).log_softmax(2), steps
