"""What minGRU and minLSTM share: gates and candidate of the input alone, and no state but h (Feng et al. 2024)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqlab.encoders.cells import Cell, State
from seqlab.encoders.cells.base import draw_noise, stacked
from seqlab.functional.recurrence.noise import Noise
from seqlab_scan.form import GatedForm
from seqlab_scan.gated import check_algorithm, project, scan_gated


class MinimalCell(Cell):
    """A cell of the given form, whose blocks of weights are the candidate's, then those of its gates."""

    def __init__(self, input_width: int, *, form: GatedForm, input_init: str, hidden_zone_prob: float, algorithm: str) -> None:
        super().__init__(
            input_width=input_width,
            width=form.width,
            recurrent_drop_prob=0.0,
            hidden_zone_prob=hidden_zone_prob,
            cell_zone_prob=0.0,
        )
        self.state_widths = {"hidden": form.width}
        self.form = form
        self.algorithm = check_algorithm(algorithm, form=form, has_peepholes=False)
        self.weight_ih = nn.Parameter(torch.empty(form.n_blocks * form.width, input_width))
        self.bias_ih = nn.Parameter(torch.empty(form.n_blocks * form.width))
        self.initialise_(input_init=input_init, recurrent_init="zeros")

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return h_t, and the shares of old state and candidate by the form's names, with the `candidate`."""
        products = nn.functional.linear(inputs, self.weight_ih, self.bias_ih)
        hidden, _, gates = self.form.step(products, state[0], skip=None, peepholes=None, zone=noise.hidden_zone)
        return (hidden,), gates

    @classmethod
    def scan(cls, cells: Sequence["MinimalCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return the hidden states."""
        products, bias = project(inputs, stacked(cells, "weight_ih")), stacked(cells, "bias_ih")
        zone, cell = draw_noise(cells, inputs).hidden_zone, cells[0]
        return [scan_gated(products, state[0], bias=bias, form=cell.form, algorithm=cell.algorithm, zone=zone)[0]]
