"""Connectionist temporal classification as a head (Graves et al. 2006)."""

import math
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.data.encoding import Batch
from seqlab.data.fields import LabelSequenceField, LabelSequences
from seqlab.errors import ConfigError
from seqlab.heads.label_counts import LabelCounts
from seqlab.heads.processes import add_up_processes_
from seqlab.heads.temporal import TemporalHead
from seqlab.lattices.alignment import (
    Hypothesis,
    LabelPrior,
    Topology,
    ctc_best_path,
    ctc_loss,
    ctc_prefix_beam_search,
    ctc_topology,
)
from seqlab.steps import Steps
from seqlab.types import Alternative


@final
class CtcHead(TemporalHead):
    """Each emission is a label or the blank; equal labels side by side are one, blanks are left out.

    With a `beam_width` of 1 the labels of the likeliest alignment are taken, above it the likeliest labels that a prefix beam
    search finds. There each label adds `insertion_bonus` nats and, with a `prior_order` above 0, `prior_weight` times its log
    probability after the labels before it, by n-grams of that order counted in the first pass over the training records.
    """

    def __init__(
        self,
        *,
        target: LabelSequenceField,
        input_width: int,
        summary_width: int,
        upsampling: int,
        drop_prob: float,
        beam_width: int,
        insertion_bonus: float,
        prior_order: int,
        prior_weight: float,
    ) -> None:
        super().__init__(
            target=target, input_width=input_width, n_units=len(target.labels) + 1, upsampling=upsampling, drop_prob=drop_prob
        )
        if beam_width < 1:
            raise ConfigError(f"heads.labels.beam_width is {beam_width}; expected at least 1, for the best path")
        if prior_order and beam_width == 1:
            raise ConfigError("heads.labels.prior_order needs a beam; set heads.labels.beam_width above 1, such as 10")
        self.blank = len(target.labels)
        self.prior_weight = prior_weight
        self.counts = LabelCounts(n_labels=len(target.labels), order=prior_order) if prior_order else None
        self._prior: LabelPrior | None = None
        self.beam_width = beam_width
        self.insertion_bonus = insertion_bonus

    def _losses(
        self,
        log_probs: Float[Tensor, "batch time unit"],
        lengths: Int[Tensor, " batch"],
        sequences: LabelSequences,
        is_known: Bool[Tensor, " batch"],
    ) -> tuple[Float[Tensor, " batch"], Bool[Tensor, " batch"]]:
        if self.training and self.counts is not None and self.is_first_pass:
            self.counts.add(sequences.labels, sequences.n_labels, is_known)
        n_labels = torch.where(is_known, sequences.n_labels, 0)
        found = ctc_loss(log_probs, lengths, sequences.labels, n_labels, blank=self.blank)
        return found.losses, found.fits & is_known

    def _decode(self, log_probs: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"]) -> list[list[int]]:
        if self.beam_width == 1:
            return [path.labels for path in ctc_best_path(log_probs, lengths, blank=self.blank)]
        return [hypotheses[0].labels for hypotheses in self._search(log_probs, lengths, self.beam_width)]

    def best(self, steps: Steps, batch: Batch, *, n: int) -> list[list[Alternative]]:
        """Return the `n` best label sequences that the beam finds, with their probability, the prior left out."""
        found = self._search(self._log_probs(steps), self._lengths(steps), max(n, self.beam_width))
        names = self.target.labels
        return [[Alternative([names[i] for i in h.labels], math.exp(h.log_prob)) for h in row[:n]] for row in found]

    def _search(self, log_probs: Tensor, lengths: Tensor, beam_width: int) -> list[list[Hypothesis]]:
        return ctc_prefix_beam_search(
            log_probs,
            lengths,
            blank=self.blank,
            beam_width=beam_width,
            prior=self._counted_prior(),
            prior_weight=self.prior_weight,
            insertion_bonus=self.insertion_bonus,
        )

    def end_epoch(self) -> None:
        """Close the counts after the first pass."""
        if self.counts is not None and self.is_first_pass:
            add_up_processes_(self.counts.counts)
        super().end_epoch()

    def _counted_prior(self) -> LabelPrior | None:
        """Return the prior that the counts make: None without any, before the end of the first pass too."""
        if self._prior is None and self.counts is not None and not self.is_first_pass:
            self._prior = self.counts.prior()
        return self._prior

    def _topology(self, labels: Int[Tensor, "batch label"], n_labels: Int[Tensor, " batch"]) -> Topology:
        return ctc_topology(labels, n_labels, blank=self.blank)
