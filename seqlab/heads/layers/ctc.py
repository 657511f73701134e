"""`Ctc`: connectionist temporal classification as a layer over scores, labels and lengths."""

import math
from typing import final

from jaxtyping import Float
from torch import Tensor

from seqlab.errors import ConfigError
from seqlab.functional.alignment import Prior, Topology, ctc_loss, ctc_topology
from seqlab.functional.padding import Lengths
from seqlab.heads.layers.alignments import AlignmentLayer, Labels, Scores
from seqlab.heads.parts.ctc_search import CtcSearch
from seqlab.heads.parts.options import check_option


@final
class Ctc(AlignmentLayer):
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
        >>> import torch
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
        unit = n_labels if blank is None else blank
        super().__init__(n_labels, n_labels + 1, units=f"{n_labels} labels and the blank", blank=unit)
        check_option(0 <= unit <= n_labels, f"0 to {n_labels}, or None", blank=blank)
        check_option(beam_width >= 1, "at least 1", beam_width=beam_width)
        check_option(math.isfinite(insertion_bonus), "a finite number", insertion_bonus=insertion_bonus)
        check_option(0 <= prior_weight < math.inf, "a number, at least 0", prior_weight=prior_weight)
        if prior is not None and beam_width == 1:
            raise ConfigError("prior needs a beam; set beam_width above 1, such as 10")
        self.search = CtcSearch(unit, beam_width, insertion_bonus, prior, prior_weight)

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

    def extra_repr(self) -> str:
        """Return the sizes, for printing the module."""
        return f"n_labels={self.n_labels}, blank={self.blank}, beam_width={self.search.beam_width}"

    def _losses(self, log_probs: Tensor, steps: Tensor, labels: Tensor, n_labels: Tensor) -> tuple[Tensor, Tensor]:
        return ctc_loss(log_probs, steps, labels, n_labels, blank=self.search.blank)

    def _topology(self, labels: Tensor, n_labels: Tensor) -> Topology:
        return ctc_topology(labels, n_labels, blank=self.search.blank)
