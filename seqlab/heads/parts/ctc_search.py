"""Search for the most probable label sequences of CTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch

from seqlab.functional import alignment
from seqlab.functional.alignment import Prior
from seqlab.heads.distributions.alignments import Lengths, LogProbs, Ranked, padded

N_SUMMED = 128
"""Label sequences summed together, which bounds the memory for it."""


@final
@dataclass(frozen=True)
class CtcSearch:
    """Decodes and ranks label sequences; the options are those of `CtcHead`."""

    blank: int
    beam_width: int
    insertion_bonus: float = 0.0
    prior: Prior | None = None
    prior_weight: float = 1.0

    def decode(self, log_probs: LogProbs, lengths: Lengths) -> list[list[int]]:
        """Return the labels of each record."""
        if self.beam_width == 1:
            return [path.labels for path in alignment.ctc_best_path(log_probs, lengths, blank=self.blank)]
        return [row[0][0] for row in self.rank(log_probs, lengths, 1)]

    def rank(self, log_probs: LogProbs, lengths: Lengths, n: int) -> Ranked:
        """Return the `n` best label sequences found, with the log of the sum over all their alignments.

        With a `beam_width` of 1, the labels of the best alignment are ranked as well, so that the first sequence is at least
        as probable as these. The prior affects the order, not the probabilities.
        """
        is_greedy = self.beam_width == 1
        hypotheses = alignment.ctc_prefix_beam_search(
            log_probs,
            lengths,
            blank=self.blank,
            beam_width=max(n, self.beam_width),
            prior=self.prior,
            prior_weight=self.prior_weight,
            # the best alignment has no bonus, and is ranked among these
            insertion_bonus=0.0 if is_greedy else self.insertion_bonus,
        )
        # the beam drops alignments, so the log-probability of each sequence is summed anew below; prior and bonus are kept
        found = [[(h.labels, h.score - h.log_prob) for h in row] for row in hypotheses]
        if is_greedy:
            found = [
                [(path, 0.0), *(one for one in row if one[0] != path)]
                for row, path in zip(found, self.decode(log_probs, lengths), strict=True)
            ]
        logs = iter(self._log_probs_of([[labels for labels, _ in row] for row in found], log_probs, lengths))
        scored = [[(labels, next(logs), extra) for labels, extra in row] for row in found]
        best = [sorted(row, key=lambda one: -(one[1] + one[2]))[:n] for row in scored]
        return [[(labels, log_prob) for labels, log_prob, _ in row] for row in best]

    def _log_probs_of(self, found: Sequence[Sequence[list[int]]], log_probs: LogProbs, lengths: Lengths) -> list[float]:
        """Return the log-probability of each of the label sequences `found`, record by record."""
        rows = torch.tensor([i for i, row in enumerate(found) for _ in row], dtype=torch.long, device=lengths.device)
        labels, n_labels = padded([one for row in found for one in row], device=lengths.device)
        losses: list[float] = []
        # in chunks: n-best lists repeat the emissions of each record
        for own in torch.arange(len(rows), device=rows.device).split(N_SUMMED):
            taken = rows[own]
            part = alignment.ctc_loss(log_probs[taken], lengths[taken], labels[own], n_labels[own], blank=self.blank)
            losses += part.losses.tolist()
        return [-loss for loss in losses]
