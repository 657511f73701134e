"""The CTC head: connectionist temporal classification (Graves et al. 2006)."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.data.fields import LabelSequenceField, LabelSequences
from seqlab.errors import ConfigError
from seqlab.functional.alignment import (
    Hypothesis,
    LabelPrior,
    Topology,
    ctc_best_path,
    ctc_loss,
    ctc_prefix_beam_search,
    ctc_topology,
)
from seqlab.heads.distributions.alignments import Ranked, padded
from seqlab.heads.parts.bigram_counts import LabelCounts, add_up_processes_
from seqlab.heads.parts.ranges import check_at_least, check_count
from seqlab.heads.temporal import TemporalHead

N_SUMMED = 128
"""Label sequences summed together, which bounds the memory for it."""


@final
class CtcHead(TemporalHead):
    """Each emission is a label or the blank; equal neighbours are merged, then blanks are dropped.

    Args:
        target: Field of the label sequences.
        input_width: Features of a step.
        summary_width: Features of the encoder's summary; not used.
        upsampling: Emissions of a step, at least 1.
        drop_prob: Dropout of the steps, from 0 to below 1.
        beam_width: 1: decode the labels of the best alignment; more: the best labels that a prefix beam search of that width
            finds. For n-best lists the beam is at least n wide.
        insertion_bonus: Nats that each label adds in the beam search.
        prior_order: Length of the label n-grams counted in the first pass over the training records, whose probabilities the
            beam search uses; 0: no prior.
        prior_weight: Factor of the log-probability of a label after the labels before it, at least 0.
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
            target=target,
            input_width=input_width,
            n_units=len(target.labels) + 1,
            upsampling=upsampling,
            drop_prob=drop_prob,
            insertion_bonus=insertion_bonus,
        )
        check_count(beam_width, name="beam_width")
        if prior_order and beam_width == 1:
            raise ConfigError("prior_order needs a beam; set beam_width above 1, such as 10")
        check_at_least(prior_weight, 0, name="prior_weight")
        self.blank = len(target.labels)
        self.prior_weight = prior_weight
        self.counts = LabelCounts(n_labels=len(target.labels), order=prior_order) if prior_order else None
        self._prior: LabelPrior | None = None
        self.beam_width = beam_width

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
        return [row[0][0] for row in self._rank(log_probs, lengths, 1)]

    def _rank(self, log_probs: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"], n: int) -> Ranked:
        """Return the `n` best label sequences that are found, with the log of the sum over all their alignments.

        With a `beam_width` of 1 the labels of the best alignment are ranked with them, so that the first is never less probable
        than those. The prior counts for the order, not for the probabilities.
        """
        found = [[(h.labels, h.score - h.log_prob) for h in row] for row in self._search(log_probs, lengths, n=n)]
        if self.beam_width == 1:
            paths = [path.labels for path in ctc_best_path(log_probs, lengths, blank=self.blank)]
            found = [[(path, 0.0), *(one for one in row if one[0] != path)] for row, path in zip(found, paths, strict=True)]
        logs = self._log_probabilities([[labels for labels, _ in row] for row in found], log_probs, lengths)
        ranked = []
        for row, of_row in zip(found, logs, strict=True):
            scored = [(log_prob + extra, labels, log_prob) for (labels, extra), log_prob in zip(row, of_row, strict=True)]
            ranked.append([(labels, log_prob) for _, labels, log_prob in sorted(scored, key=lambda one: -one[0])[:n]])
        return ranked

    def _log_probabilities(
        self, found: Sequence[Sequence[list[int]]], log_probs: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"]
    ) -> list[list[float]]:
        """Return the log-probability of each of the label sequences `found` for each record."""
        rows = torch.tensor([i for i, row in enumerate(found) for _ in row], dtype=torch.long, device=lengths.device)
        labels, n_labels = padded([one for row in found for one in row], device=lengths.device)
        losses: list[float] = []
        for own in torch.arange(len(rows), device=rows.device).split(N_SUMMED):
            taken = rows[own]
            losses += ctc_loss(log_probs[taken], lengths[taken], labels[own], n_labels[own], blank=self.blank).losses.tolist()
        left = iter(losses)
        return [[-next(left) for _ in row] for row in found]

    def _search(self, log_probs: Tensor, lengths: Tensor, *, n: int) -> list[list[Hypothesis]]:
        return ctc_prefix_beam_search(
            log_probs,
            lengths,
            blank=self.blank,
            beam_width=max(n, self.beam_width),
            prior=self._counted_prior(),
            prior_weight=self.prior_weight,
            insertion_bonus=self.insertion_bonus if self.beam_width > 1 else 0.0,
        )

    def end_epoch(self) -> None:
        """Close the counts after the first pass."""
        if self.counts is not None and self.is_first_pass:
            add_up_processes_(self.counts.counts)
        super().end_epoch()

    def _counted_prior(self) -> LabelPrior | None:
        """Return the prior of the counts; None without counts, and before the end of the first pass."""
        if self._prior is None and self.counts is not None and not self.is_first_pass:
            self._prior = self.counts.prior()
        return self._prior

    def _topology(self, labels: Int[Tensor, "batch label"], n_labels: Int[Tensor, " batch"]) -> Topology:
        return ctc_topology(labels, n_labels, blank=self.blank)
