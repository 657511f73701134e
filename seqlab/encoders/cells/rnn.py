"""The vanilla cell."""

from collections.abc import Sequence
from functools import partial
from typing import final

from torch import Tensor, nn

from seqlab.encoders.cells.base import Cell, State, scan_hidden
from seqlab.functional.recurrence.activations import get_activation
from seqlab.functional.recurrence.noise import Noise
from seqlab.functional.recurrence.rnn import scan_rnn


@final
class RnnCell(Cell):
    """s_t = f(U x_t + W s_{t-1} + b) (Elman 1990). Parameters are named and laid out as those of `torch.nn.RNNCell`.

    Args:
        input_width: Features of a step that it reads.
        width: Features of s.
        activation: The function f: `tanh`, `sigmoid`, `relu` or `identity`.
        input_init: How each gate's block of `weight_ih` starts: `glorot`, `he`, `orthogonal`, `identity`, `small`, `uniform`,
            `zeros` or `ones`.
        recurrent_init: The same for `weight_hh`.
        has_bias: Whether its gates have biases, two each as in torch.
        recurrent_drop_prob: Probability to drop a unit of h_{t-1} before W, by one mask a record (Gal and Ghahramani 2016).
        hidden_zone_prob: Probability that a unit of h keeps its old value in a step (zoneout, Krueger et al. 2017).

    Example:
        >>> import torch
        >>> (hidden,) = RnnCell(10, 20)(torch.zeros(2, 10))
        >>> hidden.shape
        torch.Size([2, 20])
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        activation: str = "tanh",
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        has_bias: bool = True,
        recurrent_drop_prob: float = 0.0,
        hidden_zone_prob: float = 0.0,
    ) -> None:
        super().__init__(input_width, width, recurrent_drop_prob=recurrent_drop_prob, hidden_zone_prob=hidden_zone_prob)
        self.activation = get_activation(activation)
        self.make_gates(width, has_bias=has_bias)
        self.initialise_(input_init=input_init, recurrent_init=recurrent_init)

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return s_t; there is no gate."""
        product = nn.functional.linear(inputs, self.weight_ih, self.bias_ih)
        fresh = self.activation(product + nn.functional.linear(noise.read(state[0]), self.weight_hh, self.bias_hh))
        return (noise.mixed_hidden(fresh, state[0]),), {}

    @classmethod
    def scan(cls, cells: Sequence["RnnCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return the hidden states."""
        return scan_hidden(cells, inputs, state, recurrence=partial(scan_rnn, activation=cells[0].activation))
