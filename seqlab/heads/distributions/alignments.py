"""Distribution over label sequences without alignment: sums over alignments."""

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import TypeAlias, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.functional.alignment import Topology, best_alignment, label_spans
from seqlab.heads.distributions.base import Distribution
from seqlab.types import Alternative, Prediction

LogProbs: TypeAlias = Float[Tensor, "batch time unit"]
Lengths: TypeAlias = Int[Tensor, " batch"]
Ranked: TypeAlias = list[list[tuple[list[int], float]]]
"""Label sequences of each record with their log-probabilities, best first."""


@final
@dataclass(eq=False)
class Alignments(Distribution):
    """Sequences of `labels`; the probability of each is the sum over its alignments with the emissions.

    A step has `upsampling` emissions. The head defines how to align and decode: `topology` returns the states that alignments
    of label sequences (ids and sizes) pass through, `scores` the scores of units for log-probabilities, `decode` the labels of
    each record, and `rank` the n best label sequences.
    """

    log_probs: LogProbs
    lengths: Lengths
    labels: Sequence[str]
    _: KW_ONLY
    upsampling: int
    topology: Callable[[Tensor, Tensor], Topology]
    scores: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor, Tensor], list[list[int]]]
    rank: Callable[[Tensor, Tensor, int], Ranked]

    @cached_property
    def best(self) -> list[list[int]]:
        """The labels that the head decodes."""
        return self.decode(self.log_probs, self.lengths)

    def answers(self, *, use_confidences: bool) -> list[Prediction]:
        """Return the labels of each record; with confidences, also the steps of each label in the best alignment.

        The confidence of a label is the mean probability of its units over its steps.
        """
        return self._placed(self.best, use_confidences=use_confidences)

    def predictions(self, *, use_confidences: bool, n_best: int = 0) -> list[Prediction]:
        """Return `answers`; with `n_best`, the first of the n best is the answer, so that both come from one search."""
        if not n_best:
            return self.answers(use_confidences=use_confidences)
        ranked = self.rank(self.log_probs, self.lengths, n_best)
        found = self._placed([row[0][0] for row in ranked], use_confidences=use_confidences)
        return [replace(one, alternatives=self._named(row)) for one, row in zip(found, ranked, strict=True)]

    def n_best(self, n: int) -> list[list[Alternative]]:
        """Return the `n` best label sequences found, with their probability without the prior."""
        return [self._named(row) for row in self.rank(self.log_probs, self.lengths, n)]

    def _named(self, ranked: Sequence[tuple[list[int], float]]) -> list[Alternative]:
        return [Alternative([self.labels[i] for i in ids], math.exp(log_prob)) for ids, log_prob in ranked]

    def _placed(self, found: Sequence[Sequence[int]], *, use_confidences: bool) -> list[Prediction]:
        if not use_confidences:
            return [Prediction([self.labels[i] for i in row], []) for row in found]
        ids, n_labels = padded(found, device=self.lengths.device)
        topology = self.topology(ids, n_labels)
        # of the decoded labels only, so that each label has a place
        _, states = best_alignment(self.scores(self.log_probs), self.lengths, topology)
        spans = label_spans(states, topology)
        confidences = _confidences(self.log_probs, states, topology, width=ids.shape[1])
        return [
            Prediction([self.labels[i] for i in row], probs[: len(row)], [self._in_steps(*span) for span in places[: len(row)]])
            for row, places, probs in zip(found, spans.tolist(), confidences.tolist(), strict=True)
        ]

    def _in_steps(self, start: int, end: int) -> tuple[int, int]:
        """Return the steps that emit emissions `start` to `end`."""
        return start // self.upsampling, -(-end // self.upsampling)


def padded(rows: Sequence[Sequence[int]], *, device: torch.device) -> tuple[Int[Tensor, "row label"], Int[Tensor, " row"]]:
    """Return label sequences as a tensor, padded with 0, and their lengths."""
    width = max(map(len, rows), default=0)
    ids = torch.tensor([[*row] + [0] * (width - len(row)) for row in rows], dtype=torch.long, device=device)
    return ids.view(len(rows), width), torch.tensor([len(row) for row in rows], dtype=torch.long, device=device)


def _confidences(
    log_probs: LogProbs, states: Int[Tensor, "batch time"], topology: Topology, *, width: int
) -> Float[Tensor, "batch label"]:
    """Return the mean probability of the units that each label is aligned with."""
    places = states.clamp(min=0)
    # -1 marks emissions without a label: padding, blanks and silence
    units, labels = topology.units.gather(1, places), topology.label_of_state.gather(1, places).masked_fill(states < 0, -1)
    probs = log_probs.gather(2, units.unsqueeze(2))[..., 0].exp()
    at_label = labels[:, None] == torch.arange(width, device=labels.device)[:, None]
    return (probs[:, None] * at_label).sum(2) / at_label.sum(2).clamp(min=1)
