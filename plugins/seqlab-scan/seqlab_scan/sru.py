"""The simple recurrent unit."""

import math
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
class SruCell(Cell):
    """Forget gate f and reset gate r: c_t = f c_{t-1} + (1 - f) W x, h_t = r b(c_t) + (1 - r) s x (Lei et al. 2018).

    Parameters are laid out (W x, f, r); where x is not as wide as h, a fourth block projects it, as in the authors' code.

    Args:
        input_width: Features of a step that it reads.
        width: Features of h.
        has_peepholes: Whether f and r see c_{t-1}, each unit its own; steps must then run one after another.
        output_activation: The function b: `identity`, `tanh`, `sigmoid` or `relu`.
        is_scaled: Whether s = sqrt(1 + 2 exp(highway_bias)), so that the values of deep stacks do not fade; else s = 1.
        input_init: How each block of `weight_ih` starts: `glorot`, `he`, `orthogonal`, `identity`, `small`, `uniform`,
            `zeros` or `ones`.
        forget_bias: Initial bias of f.
        highway_bias: Initial bias of r.
        cell_zone_prob: Probability that a unit keeps its old value in a step (zoneout), at least 0 and below 1.
        algorithm: How a sequence is run: `auto`, `loop`, or without peepholes `blocks`.
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        has_peepholes: bool = True,
        output_activation: str = "identity",
        is_scaled: bool = True,
        input_init: str = "glorot",
        forget_bias: float = 0.0,
        highway_bias: float = 0.0,
        cell_zone_prob: float = 0.0,
        algorithm: str = "auto",
    ) -> None:
        super().__init__(
            input_width=input_width,
            width=width,
            recurrent_drop_prob=0.0,
            hidden_zone_prob=0.0,
            cell_zone_prob=cell_zone_prob,
        )
        activation = check_activation("output_activation", output_activation)
        scale = math.sqrt(1 + 2 * math.exp(highway_bias)) if is_scaled else 1.0
        self.state_widths = {"hidden": width, "cell": width}
        self.unlearned_states = ("hidden",)
        self.form = GatedForm(width, "forget", "identity", "highway", activation, scale)
        self.algorithm = check_algorithm(algorithm, form=self.form, has_peepholes=has_peepholes)
        self.weight_ih = nn.Parameter(torch.empty((3 + (input_width != width)) * width, input_width))
        self.bias_ih = nn.Parameter(torch.empty(2 * width))
        self.peepholes = nn.Parameter(torch.empty(2, width)) if has_peepholes else None
        self.initialise_(input_init=input_init, recurrent_init="zeros")
        for bias, value in zip(self.bias_ih.detach().split(width), (forget_bias, highway_bias), strict=True):
            nn.init.constant_(bias, value)

    def input_bias(self) -> Tensor:
        """Return the biases of f and r among zeros."""
        return nn.functional.pad(self.bias_ih, (self.width, len(self.weight_ih) - 3 * self.width))

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return h_t and c_t, and the gates `forget` and `reset` with the `candidate`."""
        products = nn.functional.linear(inputs, self.weight_ih, self.input_bias())
        peepholes = None if self.peepholes is None else (self.peepholes[0], self.peepholes[1])
        skip = inputs if self.input_width == self.width else None
        hidden, cell, gates = self.form.step(products, state[1], skip=skip, peepholes=peepholes, zone=noise.cell_zone)
        return (hidden, cell), {"forget": gates["forget"], "reset": gates["output"], "candidate": gates["candidate"]}

    @classmethod
    def scan(cls, cells: Sequence["SruCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return the hidden states and the cell states."""
        cell = cells[0]
        hidden, states = scan_gated(
            project(inputs, stacked(cells, "weight_ih")),
            state[1],
            bias=torch.stack([each.input_bias() for each in cells]),
            form=cell.form,
            algorithm=cell.algorithm,
            zone=draw_noise(cells, inputs).cell_zone,
            skip=inputs if cell.input_width == cell.width else None,
            peepholes=None if cell.peepholes is None else stacked(cells, "peepholes"),
        )
        return [hidden, states]
