"""The scores of a linear chain: the input of every function of `seqlab.functional.linear_chain`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.functional.padding import step_mask

ARGUMENTS = "Tensor emissions, Tensor transitions, Tensor start, Tensor end, Tensor lengths"
"""The parts of a chain in the schema of an operator."""


@dataclass(frozen=True)
class Chain:
    """Scores (logits, any real numbers or -inf) of all tag paths of a batch of sequences.

    The score of the path y_0 … y_{n-1} is
    start[y_0] + emissions[0, y_0] + Σ_t (transitions[y_{t-1}, y_t] + emissions[t, y_t]) + end[y_{n-1}];
    the empty path of a sequence of length 0 scores 0. A -inf forbids whatever it stands beside. Emissions at or beyond
    a record's length are padding: never read, whatever they are (NaN too).
    """

    emissions: Float[Tensor, "batch time tag"]
    lengths: Int[Tensor, " batch"]
    transitions: Float[Tensor, "prev_tag tag"]
    start: Float[Tensor, " tag"]
    end: Float[Tensor, " tag"]

    @classmethod
    def of(cls, scores: Sequence[Tensor], lengths: Int[Tensor, " batch"]) -> "Chain":
        """Return the chain of emissions, transitions, start and end."""
        emissions, *others = scores
        return cls(emissions, lengths, *others)

    @cached_property
    def mask(self) -> Bool[Tensor, "batch time"]:
        """True = real step."""
        return step_mask(self.lengths, self.emissions.shape[1])

    @property
    def score_dtype(self) -> torch.dtype:
        """The type of scores given back: that of the inputs, float32 at least."""
        return torch.promote_types(self.emissions.dtype, torch.float32)

    @property
    def scores(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Emissions, transitions, start and end."""
        return self.emissions, self.transitions, self.start, self.end

    @property
    def learns(self) -> bool:
        """Whether a gradient of the scores may be asked for."""
        return torch.is_grad_enabled() and any(scores.requires_grad for scores in self.scores)

    def select(self, records: Tensor) -> "Chain":
        """Return the chain of some records only (indices or a mask over the batch), without its needless padding."""
        # The longest of the selected records may be shorter than the batch, and every padded step costs a step of the
        # recursion.
        lengths = self.lengths[records]
        n_steps = int(lengths.max()) if lengths.numel() else 0
        return replace(self, emissions=self.emissions[records, :n_steps], lengths=lengths)

    def double(self) -> "Chain":
        """Return the same chain in float64."""
        return Chain.of([scores.double() for scores in self.scores], self.lengths.long())

    def detached(self) -> "Chain":
        """Return the same chain in float64 without gradients: what the recursions work on."""
        return Chain.of([scores.detach().double() for scores in self.scores], self.lengths.long())
