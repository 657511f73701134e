"""Several layers of a model as one: side by side, or mixed as training finds best."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.errors import ConfigError


def chosen_layers(layers: Sequence[int] | None, *, n_states: int) -> list[int]:
    """Return the layers as places from 0 on: 0 the subwords themselves, 1 the first layer; None: all.

    Raises: ConfigError for places that the model does not have, and for one that comes twice.
    """
    places = list(range(n_states)) if layers is None else [place + n_states * (place < 0) for place in layers]
    if not places or min(places) < 0 or max(places) >= n_states or len(set(places)) < len(places):
        raise ConfigError(
            f"layers is {layers}; expected different places from 0 (the subwords) to {n_states - 1} (the last layer), "
            f"or from -{n_states} to -1, or null for all"
        )
    return places


@final
class LayerMix(nn.Module):
    """γ Σ s_k h_k, where s is the softmax of one learned number a layer (Peters et al. 2018, eq. 1)."""

    def __init__(self, *, n_layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(n_layers))
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, layers: Float[Tensor, "layer piece feature"]) -> Float[Tensor, "piece feature"]:
        """Return the mix."""
        mixed: Tensor = self.gain * torch.tensordot(self.weights.softmax(0), layers.float(), dims=1)
        return mixed


@final
class LayerConcatenation(nn.Module):
    """The layers side by side; a single one as it is."""

    def forward(self, layers: Float[Tensor, "layer piece feature"]) -> Float[Tensor, "piece features"]:
        """Return the vectors of all layers as one."""
        return layers.transpose(0, 1).flatten(1)
