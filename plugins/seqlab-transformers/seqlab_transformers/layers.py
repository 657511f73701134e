"""Combine several layers of a transformer, by concatenation or by a learned mix."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.errors import ConfigError


def chosen_layers(layers: Sequence[int] | None, *, n_states: int) -> list[int]:
    """Return the chosen layers as indices from 0 (the subword embeddings) on; None selects all.

    Raises: ConfigError for layers that do not exist or occur twice.
    """
    indices = list(range(n_states)) if layers is None else [layer + n_states * (layer < 0) for layer in layers]
    if not indices or min(indices) < 0 or max(indices) >= n_states or len(set(indices)) < len(indices):
        raise ConfigError(
            f"layers is {layers}; expected distinct numbers from 0 (the subword embeddings) to {n_states - 1} (the last layer)"
            f", or from -{n_states} to -1, or null for all"
        )
    return indices


@final
class LayerMix(nn.Module):
    """The learned average γ Σ s_k h_k of layers h_k, where s is the softmax of a weight per layer (Peters et al. 2018, eq. 1).

    Args:
        n_layers: Number of layers to mix.
    """

    def __init__(self, *, n_layers: int) -> None:
        super().__init__()
        # Zeros give every layer the same share at the start.
        self.weights = nn.Parameter(torch.zeros(n_layers))
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, layers: Float[Tensor, "layer piece feature"]) -> Float[Tensor, "piece feature"]:
        """Return the mixed vector of each subword."""
        mixed: Tensor = self.gain * torch.tensordot(self.weights.softmax(0), layers.float(), dims=1)
        return mixed


@final
class LayerConcatenation(nn.Module):
    """Concatenates layers; a single layer is unchanged."""

    def forward(self, layers: Float[Tensor, "layer piece feature"]) -> Float[Tensor, "piece features"]:
        """Return the concatenated vectors of each subword."""
        return layers.transpose(0, 1).flatten(1)
