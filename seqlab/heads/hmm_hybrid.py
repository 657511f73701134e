"""The hybrid head: hidden Markov models whose states a network scores (Bourlard and Morgan 1994)."""

import math
from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from seqlab.data.fields import NO_TARGET, LabelSequenceField, LabelSequences
from seqlab.functional import linear_chain
from seqlab.functional.alignment import Topology, best_alignment, hmm_topology, log_sum, min_steps
from seqlab.functional.linear_chain import Chain
from seqlab.functional.padding import step_mask
from seqlab.heads.distributions.alignments import Alignments, Lengths, LogProbs
from seqlab.heads.parts.label_counts import add_up_processes_
from seqlab.heads.parts.options import check_option
from seqlab.heads.temporal import Losses, TemporalHead

TRAININGS = ("full_sum", "viterbi")


@final
class HmmHybridHead(TemporalHead):
    """Each label is a left-to-right chain of states; the network predicts the probability of each state at each emission.

    Alignments are scored with that probability divided by the prior of the state, in place of the likelihood of the input
    given the state. Priors are the mean probabilities of the states in the previous pass. Decoding finds the best path through
    the states of all labels; any label may follow any other.

    Args:
        target: Field of the label sequences.
        input_width: Features per step.
        summary_width: Features of the encoder's summary; not used.
        upsampling: Emissions per step, at least 1.
        drop_prob: Dropout of the steps, from 0 to below 1.
        states_per_label: States of a label, at least 1.
        can_skip: Whether an alignment may skip a state within a label.
        has_silence: Whether to add an optional state before, between and after labels.
        training: `full_sum`: the loss is -log of the sum over all alignments (Zeyer et al. 2017). `viterbi`: the cross-entropy
            of the best alignment, computed anew for every batch; in the first pass, of the alignment that gives each state
            equally many emissions.
        prior_scale: Exponent of the priors, at least 0; 0: no priors.
        insertion_bonus: Nats that each label adds in decoding.
    """

    lacks = MappingProxyType({**TemporalHead.lacks, "n_best": "its decoding finds the best path only; ctc ranks"})
    log_prior: Tensor
    """Log prior of each unit, minus that of the most probable unit."""

    def __init__(
        self,
        *,
        target: LabelSequenceField,
        input_width: int,
        summary_width: int,
        upsampling: int = 1,
        drop_prob: float = 0.3,
        states_per_label: int = 3,
        can_skip: bool = False,
        has_silence: bool = True,
        training: str = "full_sum",
        prior_scale: float = 0.5,
        insertion_bonus: float = 0.0,
    ) -> None:
        check_option(training in TRAININGS, f"one of {', '.join(TRAININGS)}", training=training)
        check_option(states_per_label >= 1, "at least 1", states_per_label=states_per_label)
        check_option(0 <= prior_scale < math.inf, "a number, at least 0", prior_scale=prior_scale)
        n_units = states_per_label * len(target.labels) + has_silence
        super().__init__(
            target, input_width, n_units, upsampling=upsampling, drop_prob=drop_prob, insertion_bonus=insertion_bonus
        )
        self.states_per_label, self.can_skip, self.prior_scale = states_per_label, can_skip, prior_scale
        self.silence = n_units - 1 if has_silence else None
        self.is_realigned = training == "viterbi"
        self.register_buffer("log_prior", torch.zeros(n_units))
        # in float64: float32 cannot count beyond 2^24
        self.register_buffer("unit_counts", torch.zeros(n_units, dtype=torch.float64), persistent=False)

    def end_epoch(self) -> None:
        """Estimate the priors."""
        counts = self.get_buffer("unit_counts")
        add_up_processes_(counts)
        # + 1 smooths units that were never probable; relative to the most frequent unit, whose log prior is 0
        self.log_prior.copy_(((counts + 1) / (counts.max() + 1)).log())
        counts.zero_()
        super().end_epoch()

    def _losses(self, believed: Alignments, sequences: LabelSequences, is_known: Bool[Tensor, " batch"]) -> Losses:
        log_probs, lengths = believed.log_probs, believed.lengths
        topology = self._topology(sequences.labels, sequences.n_labels)
        # too short a record has no alignment, and its loss would be infinite
        fits = is_known & (min_steps(topology) <= lengths)
        is_step = step_mask(lengths, log_probs.shape[1])
        if self.training:
            self.get_buffer("unit_counts").add_(log_probs.detach().exp()[is_step].sum(0))
        scores = self._scores(log_probs)
        if not self.is_realigned:
            return -log_sum(scores, lengths, topology), fits
        if self.training and self.is_first_pass:
            states = _even_alignment(topology, lengths, n_steps=log_probs.shape[1])
        else:
            states = best_alignment(scores, lengths, topology)[1]
        units = topology.units.gather(1, states.clamp(min=0)).masked_fill((states < 0) | ~is_step, NO_TARGET)
        return cross_entropy(log_probs.transpose(1, 2), units, ignore_index=NO_TARGET, reduction="none").sum(1), fits

    def _scores(self, log_probs: LogProbs) -> LogProbs:
        # shifted so that no score exceeds its log-probability; a constant changes no alignment
        scaled = -self.prior_scale * self.log_prior
        return log_probs + (scaled - scaled.max())

    def _topology(self, labels: Int[Tensor, "batch label"], n_labels: Lengths) -> Topology:
        return hmm_topology(
            labels, n_labels, states_per_label=self.states_per_label, can_skip=self.can_skip, silence=self.silence
        )

    def _decode(self, log_probs: LogProbs, lengths: Lengths) -> list[list[int]]:
        """Return the labels that the best path of each record enters; none if the record is too short for any path."""
        units, scores = linear_chain.viterbi(self._loop(self._scores(log_probs), lengths))
        rows = zip(units.tolist(), lengths.tolist(), scores.isfinite().tolist(), strict=True)
        return [self._labels(row[:length]) if has_path else [] for row, length, has_path in rows]

    def _labels(self, units: list[int]) -> list[int]:
        """Return the labels that a path through the units enters."""
        n = self.states_per_label
        # a label counts once, at the emission that enters its first state
        entered = [unit for before, unit in zip([None, *units], units, strict=False) if unit != before]
        return [unit // n for unit in entered if unit != self.silence and not unit % n]

    def _loop(self, scores: LogProbs, lengths: Lengths) -> Chain:
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
        return Chain(scores, lengths, moves + self.insertion_bonus * is_entry, starts + self.insertion_bonus * is_first, ends)


def _even_alignment(topology: Topology, lengths: Lengths, *, n_steps: int) -> Int[Tensor, "batch time"]:
    """Return the alignment that gives each state of a label equally many steps, and none to silence; -1 without labels."""
    is_state = topology.label_of_state >= 0
    order = torch.sort(is_state.int(), dim=1, descending=True, stable=True).indices  # states of labels first, in their order
    counts = is_state.sum(1, keepdim=True)
    rank = torch.arange(n_steps, device=lengths.device) * counts // lengths.clamp(min=1)[:, None]
    states = order.gather(1, rank.clamp(max=order.shape[1] - 1)) if order.shape[1] else rank - 1
    return torch.where((counts > 0) & (rank < counts), states, -1)
