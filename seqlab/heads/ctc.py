"""The CTC head: connectionist temporal classification (Graves et al. 2006)."""

import math
from typing import final

from jaxtyping import Bool, Int
from torch import Tensor

from seqlab.data.fields import LabelSequenceField, LabelSequences
from seqlab.errors import ConfigError
from seqlab.functional import alignment
from seqlab.functional.alignment import LabelPrior, Topology
from seqlab.heads.distributions.alignments import Alignments, Lengths, LogProbs, Ranked
from seqlab.heads.parts.ctc_search import CtcSearch
from seqlab.heads.parts.label_counts import LabelCounts, add_up_processes_
from seqlab.heads.parts.options import check_option
from seqlab.heads.temporal import Losses, TemporalHead


@final
class CtcHead(TemporalHead):
    """Each emission is a label or the blank; equal neighbours are merged, then blanks are dropped.

    Args:
        target: Field of the label sequences.
        input_width: Features per step.
        summary_width: Features of the encoder's summary; not used.
        upsampling: Emissions per step, at least 1.
        drop_prob: Dropout of the steps, from 0 to below 1.
        beam_width: 1: decode the labels of the best alignment; above 1: width of the prefix beam search for the best labels.
            For n-best lists the beam is at least n wide.
        insertion_bonus: Nats that each label adds in the beam search.
        prior_order: Length of the label n-grams counted in the first pass over the training records, whose probabilities the
            beam search uses; 0: no prior. Above 0, `beam_width` must be above 1.
        prior_weight: Factor of the log-probability of a label given the previous labels, at least 0.
    """

    def __init__(
        self,
        *,
        target: LabelSequenceField,
        input_width: int,
        summary_width: int,
        upsampling: int = 1,
        drop_prob: float = 0.3,
        beam_width: int = 1,
        insertion_bonus: float = 0.0,
        prior_order: int = 0,
        prior_weight: float = 0.5,
    ) -> None:
        n_labels = len(target.labels)
        super().__init__(
            target, input_width, n_labels + 1, upsampling=upsampling, drop_prob=drop_prob, insertion_bonus=insertion_bonus
        )
        check_option(beam_width >= 1, "at least 1", beam_width=beam_width)
        if prior_order and beam_width == 1:
            raise ConfigError("prior_order needs a beam; set beam_width above 1, such as 10")
        check_option(0 <= prior_weight < math.inf, "a number, at least 0", prior_weight=prior_weight)
        # the blank is the last unit, so that the ids of labels are their units
        self.blank, self.beam_width, self.prior_weight = n_labels, beam_width, prior_weight
        self.counts = LabelCounts(n_labels=n_labels, order=prior_order) if prior_order else None
        self._prior: LabelPrior | None = None

    def _unit_names(self) -> list[str]:
        return [*(f"{label} 0" for label in self.target.labels), "blank"]

    def _losses(self, believed: Alignments, sequences: LabelSequences, is_known: Bool[Tensor, " batch"]) -> Losses:
        labels, n_labels = sequences.labels, sequences.n_labels
        if self.training and self.counts is not None and self.is_first_pass:
            self.counts.add(labels[is_known], n_labels[is_known])
        losses, fits = alignment.ctc_loss(believed.log_probs, believed.lengths, labels, n_labels, blank=self.blank)
        return losses, fits & is_known

    def _decode(self, log_probs: LogProbs, lengths: Lengths) -> list[list[int]]:
        return self._search().decode(log_probs, lengths)

    def _rank(self, log_probs: LogProbs, lengths: Lengths, n: int) -> Ranked:
        return self._search().rank(log_probs, lengths, n)

    def _search(self) -> CtcSearch:
        return CtcSearch(self.blank, self.beam_width, self.insertion_bonus, self._counted_prior(), self.prior_weight)

    def end_epoch(self) -> None:
        """Close the counts after the first pass."""
        if self.counts is not None and self.is_first_pass:
            # before the pass is counted: every process must build the same prior
            add_up_processes_(self.counts.counts)
        super().end_epoch()

    def _counted_prior(self) -> LabelPrior | None:
        """Return the prior of the counts; None without counts, and before the end of the first pass."""
        if self._prior is None and self.counts is not None and not self.is_first_pass:
            self._prior = self.counts.prior()
        return self._prior

    def _topology(self, labels: Int[Tensor, "batch label"], n_labels: Lengths) -> Topology:
        return alignment.ctc_topology(labels, n_labels, blank=self.blank)
