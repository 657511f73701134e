"""The gated recurrent unit."""

from collections.abc import Sequence
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from seqlab.encoders.cells.base import Cell, State, scan_hidden, stacked
from seqlab.errors import ConfigError
from seqlab.functional.recurrence.activations import get_activation
from seqlab.functional.recurrence.gru import scan_gru
from seqlab.functional.recurrence.gru_steps import GruForm
from seqlab.functional.recurrence.noise import Noise


@final
class GruCell(Cell):
    """Reset gate r, update gate z, candidate n: h_t = (1 - z) n + z h_{t-1} (Cho et al. 2014).

    Parameters are named and laid out (r, z, n) as those of `torch.nn.GRUCell`.

    Args:
        input_width: Features of a step that it reads.
        width: Features of h.
        reset_placement: What r multiplies in the candidate: `after` the product, W h + b, as in torch and cuDNN; `before` it,
            h, as in the paper.
        gate_activation: Function of the gates: `tanh`, `sigmoid`, `relu` or `identity`.
        candidate_activation: Function of n, one of the same.
        input_init: How each gate's block of `weight_ih` starts: `glorot`, `he`, `orthogonal`, `identity`, `small`, `uniform`,
            `zeros` or `ones`.
        recurrent_init: The same for `weight_hh`.
        has_bias: Whether its gates have biases, two each as in torch.
        recurrent_drop_prob: Probability to drop a unit of h_{t-1} before W, by one mask a record (Gal and Ghahramani 2016).
        hidden_zone_prob: Probability that a unit of h keeps its old value in a step (zoneout, Krueger et al. 2017).

    Example:
        >>> (hidden,) = GruCell(10, 20)(torch.zeros(2, 10))
        >>> hidden.shape
        torch.Size([2, 20])
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        reset_placement: str = "after",
        gate_activation: str = "sigmoid",
        candidate_activation: str = "tanh",
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        has_bias: bool = True,
        recurrent_drop_prob: float = 0.0,
        hidden_zone_prob: float = 0.0,
    ) -> None:
        super().__init__(input_width, width, recurrent_drop_prob=recurrent_drop_prob, hidden_zone_prob=hidden_zone_prob)
        if reset_placement not in ("after", "before"):
            raise ConfigError(f"encoder.cell.reset_placement is {reset_placement!r}; expected after or before")
        self.form = GruForm(
            resets_after=reset_placement == "after",
            gate=get_activation(gate_activation),
            candidate=get_activation(candidate_activation),
        )
        self.make_gates(3 * width, has_bias=has_bias)
        self.initialise_(input_init=input_init, recurrent_init=recurrent_init)

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return h_t, and the gates `reset` and `update` with the `candidate`."""
        read = noise.read(state[0])
        x_reset, x_update, x_candidate = nn.functional.linear(inputs, self.weight_ih, self.bias_ih).chunk(3, -1)
        w_reset, w_update, w_candidate = self.weight_hh.chunk(3)
        b_reset, b_update, b_candidate = self.bias_hh.chunk(3)
        reset = self.form.gate(x_reset + nn.functional.linear(read, w_reset, b_reset))
        update = self.form.gate(x_update + nn.functional.linear(read, w_update, b_update))
        if self.form.resets_after:
            inner = reset * nn.functional.linear(read, w_candidate, b_candidate)
        else:
            inner = nn.functional.linear(reset * read, w_candidate, b_candidate)
        candidate = self.form.candidate(x_candidate + inner)
        fresh = (1 - update) * candidate + update * state[0]
        gates = {"reset": reset, "update": update, "candidate": candidate}
        return (noise.mixed_hidden(fresh, state[0]),), gates

    @classmethod
    def scan(cls, cells: Sequence["GruCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return the hidden states."""
        form, width = cells[0].form, cells[0].width
        candidate_bias = stacked(cells, "bias_hh")[:, 2 * width :] if form.resets_after else None
        recurrence = partial(scan_gru, candidate_bias=candidate_bias, form=form)
        return scan_hidden(cells, inputs, state, recurrence=recurrence)

    def input_bias(self) -> Tensor:
        """Return the biases but the candidate's, which r multiplies where it resets after the product."""
        if not self.form.resets_after:
            return super().input_bias()
        return self.bias_ih + torch.cat([self.bias_hh[: 2 * self.width], self.bias_hh.new_zeros(self.width)])
