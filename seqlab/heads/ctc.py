"""Connectionist temporal classification as a head (Graves et al. 2006)."""

from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.data.fields import LabelSequenceField, LabelSequences
from seqlab.errors import ConfigError
from seqlab.heads.temporal import TemporalHead
from seqlab.lattices.alignment import Topology, ctc_best_path, ctc_loss, ctc_prefix_beam_search, ctc_topology


@final
class CtcHead(TemporalHead):
    """Each emission is a label or the blank; equal labels side by side are one, blanks are left out.

    With a `beam_width` of 1 the labels of the likeliest alignment are taken, above it the likeliest labels that a prefix beam
    search finds, to which each label adds `insertion_bonus` nats.
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
    ) -> None:
        super().__init__(
            target=target, input_width=input_width, n_units=len(target.labels) + 1, upsampling=upsampling, drop_prob=drop_prob
        )
        if beam_width < 1:
            raise ConfigError(f"heads.labels.beam_width is {beam_width}; expected at least 1, for the best path")
        self.blank = len(target.labels)
        self.beam_width = beam_width
        self.insertion_bonus = insertion_bonus

    def _losses(
        self,
        log_probs: Float[Tensor, "batch time unit"],
        lengths: Int[Tensor, " batch"],
        sequences: LabelSequences,
        is_known: Bool[Tensor, " batch"],
    ) -> tuple[Float[Tensor, " batch"], Bool[Tensor, " batch"]]:
        n_labels = torch.where(is_known, sequences.n_labels, 0)
        found = ctc_loss(log_probs, lengths, sequences.labels, n_labels, blank=self.blank)
        return found.losses, found.fits & is_known

    def _decode(self, log_probs: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"]) -> list[list[int]]:
        if self.beam_width == 1:
            return [path.labels for path in ctc_best_path(log_probs, lengths, blank=self.blank)]
        found = ctc_prefix_beam_search(
            log_probs,
            lengths,
            blank=self.blank,
            beam_width=self.beam_width,
            insertion_bonus=self.insertion_bonus,
        )
        return [hypotheses[0].labels for hypotheses in found]

    def _topology(self, labels: Int[Tensor, "batch label"], n_labels: Int[Tensor, " batch"]) -> Topology:
        return ctc_topology(labels, n_labels, blank=self.blank)
