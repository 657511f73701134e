"""The minimal long short-term memory."""

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
class MinLstmCell(Cell):
    """Gates f and i and candidate g of the input alone: h_t = f / (f + i) h_{t-1} + i / (f + i) g (Feng et al. 2024, §3.2).

    There is no output gate and no state but h. Parameters are laid out (g, f, i).
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
        self.form = GatedForm(width, "normalised", candidate, "state")
        self.algorithm = check_algorithm(algorithm, form=self.form, has_peepholes=False)
        self.weight_ih = nn.Parameter(torch.empty(3 * width, input_width))
        self.bias_ih = nn.Parameter(torch.empty(3 * width))
        self.initialise_(input_init=input_init, recurrent_init="zeros")
        nn.init.constant_(self.bias_ih.detach()[width : 2 * width], forget_bias)

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return h_t, and the shares `forget` and `input`, which add up to 1, with the `candidate`."""
        products = nn.functional.linear(inputs, self.weight_ih, self.bias_ih)
        hidden, _, gates = self.form.step(products, state[0], skip=None, peepholes=None, zone=noise.hidden_zone)
        return (hidden,), gates

    @classmethod
    def scan(cls, cells: Sequence["MinLstmCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return the hidden states."""
        products, bias = project(inputs, stacked(cells, "weight_ih")), stacked(cells, "bias_ih")
        zone, cell = draw_noise(cells, inputs).hidden_zone, cells[0]
        return [scan_gated(products, state[0], bias=bias, form=cell.form, algorithm=cell.algorithm, zone=zone)[0]]
