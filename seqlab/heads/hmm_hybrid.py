"""The hybrid head: hidden Markov models whose states a network scores (Bourlard and Morgan 1994)."""

import math
from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from seqlab.data.fields import NO_TARGET, LabelSequenceField, LabelSequences
from seqlab.functional.alignment import Topology, best_alignment, log_sum, min_steps
from seqlab.functional.padding import step_mask
from seqlab.heads.distributions.alignments import Alignments, Lengths, LogProbs
from seqlab.heads.parts.hmm_states import HmmStates, log_prior_of, prior_scaled
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
        states = HmmStates(len(target.labels), states_per_label, can_skip, has_silence)
        n_units = states.n_units
        super().__init__(
            target, input_width, n_units, upsampling=upsampling, drop_prob=drop_prob, insertion_bonus=insertion_bonus
        )
        self.states, self.prior_scale = states, prior_scale
        self.is_realigned = training == "viterbi"
        self.register_buffer("log_prior", torch.zeros(n_units))
        # in float64: float32 cannot count beyond 2^24
        self.register_buffer("unit_counts", torch.zeros(n_units, dtype=torch.float64), persistent=False)

    def _unit_names(self) -> list[str]:
        names = [f"{label} {state}" for label in self.target.labels for state in range(self.states.states_per_label)]
        return [*names, "silence"] if self.states.has_silence else names

    def end_epoch(self) -> None:
        """Estimate the priors."""
        counts = self.get_buffer("unit_counts")
        add_up_processes_(counts)
        self.log_prior.copy_(log_prior_of(counts))
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
        return prior_scaled(log_probs, self.log_prior, self.prior_scale)

    def _topology(self, labels: Int[Tensor, "batch label"], n_labels: Lengths) -> Topology:
        return self.states.topology(labels, n_labels)

    def _decode(self, log_probs: LogProbs, lengths: Lengths) -> list[list[int]]:
        return self.states.decode(self._scores(log_probs), lengths, insertion_bonus=self.insertion_bonus)


def _even_alignment(topology: Topology, lengths: Lengths, *, n_steps: int) -> Int[Tensor, "batch time"]:
    """Return the alignment that gives each state of a label equally many steps, and none to silence; -1 without labels."""
    is_state = topology.label_of_state >= 0
    order = torch.sort(is_state.int(), dim=1, descending=True, stable=True).indices  # states of labels first, in their order
    counts = is_state.sum(1, keepdim=True)
    rank = torch.arange(n_steps, device=lengths.device) * counts // lengths.clamp(min=1)[:, None]
    states = order.gather(1, rank.clamp(max=order.shape[1] - 1)) if order.shape[1] else rank - 1
    return torch.where((counts > 0) & (rank < counts), states, -1)
