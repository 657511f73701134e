"""The vanilla cell."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from seqlab.encoders.cells.base import Cell, State, draw_noise, projected, stacked
from seqlab.functional.recurrence.activations import get_activation
from seqlab.functional.recurrence.noise import Noise
from seqlab.functional.recurrence.rnn import scan_rnn


@final
class RnnCell(Cell):
    """s_t = f(U x_t + W s_{t-1} + b) (Elman 1990). Parameters are named and laid out as those of `torch.nn.RNNCell`."""

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        activation: str,
        input_init: str,
        recurrent_init: str,
        recurrent_drop_prob: float,
        hidden_zone_prob: float,
    ) -> None:
        super().__init__(
            input_width=input_width,
            width=width,
            recurrent_drop_prob=recurrent_drop_prob,
            hidden_zone_prob=hidden_zone_prob,
            cell_zone_prob=0.0,
        )
        self.state_widths = {"hidden": width}
        self.activation = get_activation(activation)
        self.weight_ih = nn.Parameter(torch.empty(width, input_width))
        self.weight_hh = nn.Parameter(torch.empty(width, width))
        self.bias_ih = nn.Parameter(torch.empty(width))
        self.bias_hh = nn.Parameter(torch.empty(width))
        self.initialise_(input_init=input_init, recurrent_init=recurrent_init)

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return s_t; there is no gate."""
        product = nn.functional.linear(inputs, self.weight_ih, self.bias_ih)
        fresh = self.activation(product + nn.functional.linear(noise.read(state[0]), self.weight_hh, self.bias_hh))
        return (noise.mixed_hidden(fresh, state[0]),), {}

    @classmethod
    def scan(cls, cells: Sequence["RnnCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return the hidden states."""
        bias = torch.stack([cell.input_bias() for cell in cells])
        products = projected(inputs, stacked(cells, "weight_ih"), bias)
        recurrent, noise = stacked(cells, "weight_hh"), draw_noise(cells, inputs)
        return [scan_rnn(products, state[0], recurrent, activation=cells[0].activation, noise=noise)]
