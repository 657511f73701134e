"""`HmmHybrid`: hidden Markov models whose states a network scores, as a layer over scores, labels and lengths."""

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.errors import ConfigError
from seqlab.functional.alignment import Topology, log_sum
from seqlab.functional.padding import Lengths
from seqlab.heads.layers.alignments import AlignmentLayer, Scores
from seqlab.heads.parts.hmm_states import HmmStates, log_prior_of, prior_scaled
from seqlab.heads.parts.options import check_option


@final
class HmmHybrid(AlignmentLayer):
    """Hybrid of hidden Markov models and a network (Bourlard and Morgan 1994), over scores (batch, time, unit).

    Each label is a left-to-right chain of states. A step has `n_units` scores, one for each state of each label and one for
    silence, which are normalised here. Alignments are scored with these probabilities divided by the prior of the state. The
    loss is -log of the sum over all alignments (Zeyer et al. 2017). Sums run in float64; padding and batch-mates change
    nothing.

    Args:
        n_labels: Number of different labels, at least 1, whose ids are 0 to n_labels - 1.
        states_per_label: States of a label, at least 1.
        can_skip: Whether an alignment may skip a state within a label.
        has_silence: Whether to add an optional state before, between and after labels.
        prior_scale: Exponent of the priors, at least 0; 0: no priors.
        insertion_bonus: Nats that each label adds in decoding.

    Example:
        >>> layer = HmmHybrid(n_labels=3, states_per_label=2)
        >>> layer.n_units
        7
        >>> layer.loss(torch.zeros(1, 4, 7), torch.tensor([[0, 2]])).isfinite()
        tensor(True)
    """

    log_prior: Tensor
    """Log prior of each unit, minus that of the most probable unit; all equal until `set_prior`."""

    def __init__(
        self,
        n_labels: int,
        *,
        states_per_label: int = 3,
        can_skip: bool = False,
        has_silence: bool = True,
        prior_scale: float = 0.5,
        insertion_bonus: float = 0.0,
    ) -> None:
        check_option(states_per_label >= 1, "at least 1", states_per_label=states_per_label)
        check_option(0 <= prior_scale < math.inf, "a number, at least 0", prior_scale=prior_scale)
        check_option(math.isfinite(insertion_bonus), "a finite number", insertion_bonus=insertion_bonus)
        states = HmmStates(n_labels, states_per_label, can_skip, has_silence)
        units = f"{states_per_label} states of {n_labels} labels" + ", and silence" * has_silence
        super().__init__(n_labels, states.n_units, units=units, blank=None)
        self.states, self.prior_scale, self.insertion_bonus = states, prior_scale, insertion_bonus
        self.register_buffer("log_prior", torch.zeros(self.n_units))

    def set_prior(self, counts: Float[Tensor, " counted_unit"]) -> None:
        """Set the priors of units from their counts, such as the sum of softmax(scores) over all steps of a training epoch.

        Raises:
            ConfigError: there is not one finite count, at least 0, for each unit.
        """
        if counts.shape != (self.n_units,) or not (counts.isfinite() & (counts >= 0)).all():
            raise ConfigError(f"counts are {counts.tolist()}; expected {self.n_units} finite numbers, at least 0")
        self.log_prior.copy_(log_prior_of(counts))

    def decode(self, scores: Scores, lengths: Lengths = None) -> list[list[int]]:
        """Return the labels that the best path of each record enters; none if the record is too short for any path.

        Any label may follow any other.
        """
        log_probs, steps = self._log_probs(scores, lengths)
        return self.states.decode(self._alignment_scores(log_probs), steps, insertion_bonus=self.insertion_bonus)

    def extra_repr(self) -> str:
        """Return the sizes, for printing the module."""
        return f"n_labels={self.n_labels}, states_per_label={self.states.states_per_label}, n_units={self.n_units}"

    def _losses(self, log_probs: Tensor, steps: Tensor, labels: Tensor, n_labels: Tensor) -> tuple[Tensor, Tensor]:
        totals = log_sum(self._alignment_scores(log_probs), steps, self._topology(labels, n_labels))
        return -totals, totals > -math.inf

    def _topology(self, labels: Tensor, n_labels: Tensor) -> Topology:
        return self.states.topology(labels, n_labels)

    def _alignment_scores(self, log_probs: Tensor) -> Tensor:
        return prior_scaled(log_probs, self.log_prior, self.prior_scale)
