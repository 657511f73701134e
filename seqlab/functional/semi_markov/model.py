"""The scores of a semi-Markov model: what every function of `seqlab.functional.semi_markov` is given."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class SemiMarkov:
    """Scores (logits, any real numbers or -inf) of all segmentations of a batch of sequences.

    A segmentation cuts a sequence of n steps into segments of 1 to `max_length` steps, each with a label; its score is

    start[first label] + Σ scores[end - 1, end - begin - 1, label] + Σ transitions[label before, label] + end[last label];

    the empty segmentation of a sequence of length 0 scores 0. So `scores[:, t, d]` is of the segment whose last step is
    t and whose first is t - d. A -inf forbids whatever it stands beside. Scores of segments that would begin before step
    0 or end at or beyond a record's length are padding: never read, whatever they are (NaN too).
    """

    scores: Float[Tensor, "batch time length label"]
    lengths: Int[Tensor, " batch"]
    transitions: Float[Tensor, "prev_label label"]
    start: Float[Tensor, " label"]
    end: Float[Tensor, " label"]

    @property
    def max_length(self) -> int:
        """Steps of the longest segment there may be."""
        return self.scores.shape[2]

    @property
    def mask(self) -> Bool[Tensor, "batch time length"]:
        """True = a segment of that length may end at that step."""
        steps, lengths = (torch.arange(n, device=self.lengths.device) for n in self.scores.shape[1:3])
        # a segment of length d + 1 that ends at step t begins at t - d, which must not lie before the record
        return (steps < self.lengths[:, None])[..., None] & (lengths <= steps[:, None])

    @property
    def score_dtype(self) -> torch.dtype:
        """The type of scores given back: that of the inputs, float32 at least."""
        return torch.promote_types(self.scores.dtype, torch.float32)

    @property
    def all_scores(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Scores of segments, transitions, start and end."""
        return self.scores, self.transitions, self.start, self.end

    @property
    def learns(self) -> bool:
        """Whether a gradient of the scores may be asked for."""
        return torch.is_grad_enabled() and any(scores.requires_grad for scores in self.all_scores)

    def widened(self) -> "SemiMarkov":
        """Return the same model in float64, its segment scores in float32 at least: gradients that meet are rounded once."""
        return SemiMarkov(
            scores=self.scores.to(self.score_dtype),
            lengths=self.lengths,
            transitions=self.transitions.double(),
            start=self.start.double(),
            end=self.end.double(),
        )


@dataclass(frozen=True)
class Lattice:
    """A model as the recursions read it: in float64, without gradients, time first; -inf where the model has padding."""

    scores: Float[Tensor, "time length batch label"]
    lengths: Int[Tensor, " batch"]
    transitions: Float[Tensor, "prev_label label"]
    start: Float[Tensor, " label"]
    end: Float[Tensor, " label"]

    @classmethod
    def of(cls, model: SemiMarkov) -> "Lattice":
        """Return the lattice of `model`: one copy of its scores."""
        time_first = model.scores.detach().permute(1, 2, 0, 3)
        # copy=True even for float64 input: the recursions overwrite this tensor.
        scores = time_first.to(torch.float64, copy=True, memory_format=torch.contiguous_format)
        return cls(
            scores=scores.masked_fill_(~model.mask.permute(1, 2, 0)[..., None], -torch.inf),
            lengths=model.lengths.long(),
            transitions=model.transitions.detach().double(),
            start=model.start.detach().double(),
            end=model.end.detach().double(),
        )

    def beginning_at(self, step: int) -> Float[Tensor, "batch label length"]:
        """Return the scores of the segments whose first step is `step`, the shortest first, as far as there are steps."""
        return self.scores[step : step + self.scores.shape[1]].diagonal()
