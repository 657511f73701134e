"""The minimal gated recurrent unit."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from seqlab.encoders.cells import Cell, State
from seqlab.encoders.cells.base import draw_noise, stacked
from seqlab.functional.recurrence.noise import Noise
from seqlab_scan.form import GatedForm, check_activation
from seqlab_scan.gated import check_algorithm, project, scan_gated


@final
class MinGruCell(Cell):
    """Update gate z and candidate n of the input alone: h_t = (1 - z) h_{t-1} + z n (Feng et al. 2024, §3.1).

    Parameters are laid out (n, z). `forget_bias` is taken off z's bias at the start, so that more is kept.
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        candidate_activation: str,
        input_init: str,
        forget_bias: float,
        hidden_zone_prob: float,
        algorithm: str,
    ) -> None:
        super().__init__(
            input_width=input_width,
            width=width,
            recurrent_drop_prob=0.0,
            hidden_zone_prob=hidden_zone_prob,
            cell_zone_prob=0.0,
        )
        candidate = check_activation("candidate_activation", candidate_activation)
        self.state_widths = {"hidden": width}
        self.form = GatedForm(width, "update", candidate, "state")
        self.algorithm = check_algorithm(algorithm, form=self.form, has_peepholes=False)
        self.weight_ih = nn.Parameter(torch.empty(2 * width, input_width))
        self.bias_ih = nn.Parameter(torch.empty(2 * width))
        self.initialise_(input_init=input_init, recurrent_init="zeros")
        nn.init.constant_(self.bias_ih.detach()[width:], -forget_bias)

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return h_t, and the gate `update` with the `candidate`."""
        products = nn.functional.linear(inputs, self.weight_ih, self.bias_ih)
        hidden, _, gates = self.form.step(products, state[0], skip=None, peepholes=None, zone=noise.hidden_zone)
        return (hidden,), gates

    @classmethod
    def scan(cls, cells: Sequence["MinGruCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return the hidden states."""
        products, bias = project(inputs, stacked(cells, "weight_ih")), stacked(cells, "bias_ih")
        zone, cell = draw_noise(cells, inputs).hidden_zone, cells[0]
        return [scan_gated(products, state[0], bias=bias, form=cell.form, algorithm=cell.algorithm, zone=zone)[0]]
