"""Scores of spans: biaffine in their ends (Yu, Bohnet and Poesio 2020), and by their contents (Lee et al. 2017)."""

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from seqlab.functional.dropout import NaiveDropout
from seqlab.functional.widths import Linear

N_WIDTHS = 32
"""Widths with a score of their own; wider spans share the last one."""
TINY = 1e-6
"""Lowest gate of a step: the gates of a span are divided by their sum, which must not be 0."""
PRIOR = 0.03
"""Share of spans with a label that a new model predicts: otherwise the many spans without one dominate the first losses
(Lin et al. 2017, Focal Loss for Dense Object Detection, section 3.3)."""


@final
class BiaffineSpanScores(nn.Module):
    """Scores every label for each span of neighbouring steps; label 0 is none.

    score(i, j, label) = s_i^T P_label e_j + f_label · s_i + g_label · e_j + w_label(j - i) + Σ_t a_t c_label · h_t / Σ_t a_t,
    where s and e are the outputs of two layers for the steps i and j, the span's first and last, t runs from i to j, and the
    gates 0 < a_t < 1 weight the steps h_t, such as the head of a noun phrase.
    """

    def __init__(self, input_width: int, hidden_width: int, n_labels: int, *, drop_prob: float) -> None:
        super().__init__()
        self.start, self.end = (Linear(input_width, hidden_width) for _ in range(2))
        self.dropout = NaiveDropout(drop_prob=drop_prob)
        # scaled so that products of two vectors have the size of the other scores
        self.products = nn.Parameter(torch.randn(hidden_width, n_labels, hidden_width) / hidden_width)
        self.first = Linear(hidden_width, n_labels)
        self.last = Linear(hidden_width, n_labels, bias=False)
        self.gate = Linear(input_width, 1)
        self.within = Linear(input_width, n_labels, bias=False)
        self.widths = nn.Parameter(torch.zeros(N_WIDTHS, n_labels))
        with torch.no_grad():
            # log-odds: a new model then predicts a label for the share PRIOR of all spans
            self.first.bias.zero_()[0] = math.log((1 - PRIOR) / PRIOR * (n_labels - 1))

    def forward(
        self, values: Float[Tensor, "batch time feature"], *, max_width: int
    ) -> Float[Tensor, "batch time width label"]:
        """Return the scores of the spans of 1 to `max_width` steps from each step; undefined for spans beyond the last step."""
        starts, ends = (self.dropout(layer(values).relu()) for layer in (self.start, self.end))
        products = (starts @ self.products.flatten(1)).unflatten(2, self.products.shape[1:])
        # only spans of up to `max_width` steps: all pairs of steps would take quadratic memory
        pairs = products @ _band(ends, max_width)
        widths = self.widths[torch.arange(max_width, device=values.device).clamp(max=N_WIDTHS - 1)]
        scores = (pairs + _band(self.last(ends), max_width)).transpose(2, 3)
        total: Tensor = scores + self.first(starts).unsqueeze(2) + widths + self._within(values, max_width)
        return total

    def _within(self, values: Float[Tensor, "batch time feature"], max_width: int) -> Float[Tensor, "batch time width label"]:
        """Return the mean score of the steps of each span, weighted by their gates."""
        # in float32, also under autocast: cumulative sums over many steps would lose low bits in half precision
        gates = self.gate(values).float().sigmoid() + TINY
        scores, weights = (_band(part, max_width).cumsum(3) for part in (gates * self.within(values).float(), gates))
        mean: Tensor = (scores / weights).transpose(2, 3)
        return mean


def _band(values: Float[Tensor, "batch time feature"], max_width: int) -> Float[Tensor, "batch time feature width"]:
    """Return for each step its own values and those of the steps after it."""
    return pad(values, (0, 0, 0, max_width - 1)).unfold(1, max_width, 1)
