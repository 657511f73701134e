"""The states of left-to-right hidden Markov models of labels, and the best path through them."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.functional import linear_chain
from seqlab.functional.alignment import Topology, hmm_topology
from seqlab.functional.linear_chain import Chain
from seqlab.heads.distributions.alignments import Lengths, LogProbs


@final
@dataclass(frozen=True)
class HmmStates:
    """Units: states_per_label for each label, then silence; the options are those of `HmmHybridHead`."""

    n_labels: int
    states_per_label: int
    can_skip: bool
    has_silence: bool

    @property
    def n_units(self) -> int:
        """Number of states of all labels and silence."""
        return self.states_per_label * self.n_labels + self.has_silence

    @property
    def silence(self) -> int | None:
        """The unit of silence, if there is one."""
        return self.n_units - 1 if self.has_silence else None

    def topology(self, labels: Int[Tensor, "batch label"], n_labels: Lengths) -> Topology:
        """Return the states that the alignments of label sequences pass through."""
        return hmm_topology(
            labels, n_labels, states_per_label=self.states_per_label, can_skip=self.can_skip, silence=self.silence
        )

    def decode(self, scores: LogProbs, lengths: Lengths, *, insertion_bonus: float) -> list[list[int]]:
        """Return the labels that the best path of each record enters; none if the record is too short for any path.

        Any label may follow any other, and adds `insertion_bonus` to the score of the path.
        """
        units, totals = linear_chain.viterbi(self._loop(scores, lengths, insertion_bonus))
        rows = zip(units.tolist(), lengths.tolist(), totals.isfinite().tolist(), strict=True)
        return [self.labels_of(row[:length]) if has_path else [] for row, length, has_path in rows]

    def labels_of(self, units: list[int]) -> list[int]:
        """Return the labels that a path through the units enters."""
        n = self.states_per_label
        # a label counts once, at the emission that enters its first state
        entered = [unit for before, unit in zip([None, *units], units, strict=False) if unit != before]
        return [unit // n for unit in entered if unit != self.silence and not unit % n]

    def _loop(self, scores: LogProbs, lengths: Lengths, insertion_bonus: float) -> Chain:
        """Return the chain over all units whose paths pass through any labels, and end where a label does."""
        n, unit = self.states_per_label, torch.arange(self.n_units, device=scores.device)
        is_silence = unit == (-1 if self.silence is None else self.silence)
        is_first, is_last = (unit % n == 0) & ~is_silence, (unit % n == n - 1) & ~is_silence
        before = unit[:, None]
        is_same_label = (unit // n == before // n) & ~is_silence & ~is_silence[:, None]
        is_inside = is_same_label & (unit >= before) & (unit <= before + (2 if self.can_skip else 1))
        is_between = (is_last | is_silence)[:, None] & (is_first | is_silence)
        is_entry = is_between & is_first & (unit != before)
        allowed = (is_inside | is_between, is_first | is_silence, is_last | is_silence)
        moves, starts, ends = (torch.where(is_allowed, 0.0, -torch.inf) for is_allowed in allowed)
        return Chain(scores, lengths, moves + insertion_bonus * is_entry, starts + insertion_bonus * is_first, ends)


def log_prior_of(counts: Float[Tensor, " unit"]) -> Float[Tensor, " unit"]:
    """Return the log prior of each unit from counts, relative to the most frequent unit, whose log prior is 0."""
    # + 1 smooths units that were never probable
    return ((counts + 1) / (counts.max() + 1)).log()


def prior_scaled(log_probs: LogProbs, log_prior: Float[Tensor, " unit"], scale: float) -> LogProbs:
    """Return log-probabilities less `scale` times the log prior, for scores of alignments."""
    # shifted so that no score exceeds its log-probability; a constant changes no alignment
    scaled = -scale * log_prior
    return log_probs + (scaled - scaled.max())
