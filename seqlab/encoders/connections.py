"""Connections around a layer of a stack, from its input to its output."""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Connection(nn.Module, ABC):
    """Combines input and output of a layer. Constructed with both widths; its own is an attribute."""

    output_width: int

    def __init__(self, *, input_width: int, layer_width: int) -> None:
        super().__init__()
        self.output_width = layer_width

    @abstractmethod
    def forward(self, inputs: Float[Tensor, "*lead input"], outputs: Float[Tensor, "*lead layer"]) -> Tensor:
        """Return what the next layer reads."""


@final
class NoConnection(Connection):
    """Returns the layer's output alone."""

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Return `outputs`."""
        return outputs


@final
class SkipConnection(Connection):
    """Concatenates the layer's output and input, so that every later layer sees both (Huang et al. 2017)."""

    def __init__(self, *, input_width: int, layer_width: int) -> None:
        super().__init__(input_width=input_width, layer_width=layer_width)
        self.output_width = input_width + layer_width

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Return both, the output first."""
        return torch.cat([outputs, inputs], dim=-1)


@final
class ResidualConnection(Connection):
    """Adds the layer's input to its output, through a linear map where the widths differ (He et al. 2016)."""

    def __init__(self, *, input_width: int, layer_width: int) -> None:
        super().__init__(input_width=input_width, layer_width=layer_width)
        self.fit = _fitting(input_width, layer_width)

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Return the sum."""
        fitted: Tensor = self.fit(inputs)
        return outputs + fitted


@final
class HighwayConnection(Connection):
    """Mixes the layer's output and its input by a gate t that reads the input: t y + (1 - t) x (Srivastava et al. 2015).

    The gate's bias starts at -1, so that more of the input passes at first.
    """

    def __init__(self, *, input_width: int, layer_width: int) -> None:
        super().__init__(input_width=input_width, layer_width=layer_width)
        self.fit = _fitting(input_width, layer_width)
        self.gate = nn.Linear(input_width, layer_width)
        nn.init.constant_(self.gate.bias, -1.0)

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Return the mixture."""
        return torch.lerp(self.fit(inputs), outputs, torch.sigmoid(self.gate(inputs)))


CONNECTIONS: dict[str, type[Connection]] = {
    "none": NoConnection,
    "skip": SkipConnection,
    "residual": ResidualConnection,
    "highway": HighwayConnection,
}
"""Connections by name."""


def _fitting(input_width: int, layer_width: int) -> nn.Module:
    return nn.Identity() if input_width == layer_width else nn.Linear(input_width, layer_width, bias=False)
