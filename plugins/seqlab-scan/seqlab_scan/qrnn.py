"""The quasi-recurrent network."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from seqlab.encoders.cells import Cell, State
from seqlab.encoders.cells.base import draw_noise, stacked
from seqlab.errors import ConfigError
from seqlab.functional.recurrence.noise import Noise
from seqlab_scan.form import GatedForm, check_activation
from seqlab_scan.gated import check_algorithm, project, scan_gated

_FORMS = {"f": ("forget", "state"), "fo": ("forget", "gated"), "ifo": ("input", "gated")}


@final
class QrnnCell(Cell):
    """Candidate z and gates from a convolution over the last inputs, pooled unit by unit (Bradbury et al. 2017).

    Parameters are laid out (z, f, i, o), their columns from the oldest input of the window to the newest. The last inputs are a
    state, so that a record read in windows has the same outputs.

    Args:
        input_width: Features of a step that it reads.
        width: Features of h.
        window: Inputs read at each step, the present one among them, at least 1.
        pooling: `f`: h_t = f h_{t-1} + (1 - f) z; `fo`: c_t = f c_{t-1} + (1 - f) z, h_t = o c_t;
            `ifo`: c_t = f c_{t-1} + i z, h_t = o c_t.
        candidate_activation: Function of z: `tanh`, `sigmoid`, `relu`, `identity` or `positive`.
        input_init: How each block of `weight_ih` starts: `glorot`, `he`, `orthogonal`, `identity`, `small`, `uniform`,
            `zeros` or `ones`.
        forget_bias: Initial bias of f.
        cell_zone_prob: Probability that a unit keeps its old value in a step (zoneout), at least 0 and below 1.
            For `f` and `fo` it is the paper's, which sets f to 1 (§2.1).
        algorithm: How a sequence is run: `auto`, `loop`, `blocks` or `log_space` (positive candidates only).
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        window: int = 2,
        pooling: str = "fo",
        candidate_activation: str = "tanh",
        input_init: str = "glorot",
        forget_bias: float = 0.0,
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
        if window < 1:
            raise ConfigError(f"encoder.cell.window is {window}; expected at least 1 input, the present one")
        if pooling not in _FORMS:
            raise ConfigError(f"encoder.cell.pooling is {pooling!r}; expected f, fo or ifo")
        mix, output = _FORMS[pooling]
        self.form = GatedForm(width, mix, check_activation("candidate_activation", candidate_activation), output)
        self.algorithm = check_algorithm(algorithm, form=self.form, has_peepholes=False)
        self.window = window
        inputs, cell = {"inputs": (window - 1) * input_width}, {"cell": width}
        self.state_widths = {"hidden": width, **(inputs if window > 1 else {}), **(cell if pooling != "f" else {})}
        self.unlearned_states = () if pooling == "f" else ("hidden",)
        self.weight_ih = nn.Parameter(torch.empty(self.form.n_blocks * width, window * input_width))
        self.bias_ih = nn.Parameter(torch.empty(self.form.n_blocks * width))
        self.initialise_(input_init=input_init, recurrent_init="zeros")
        nn.init.constant_(self.bias_ih.detach()[width : 2 * width], forget_bias)

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return h_t with the last inputs and c_t, where there are any, and the gates by name with the `candidate`."""
        seen = torch.cat([*self._inputs_of(state), inputs], -1)
        products = nn.functional.linear(seen, self.weight_ih, self.bias_ih)
        pooled = state[0 if self.form.output == "state" else -1]
        hidden, cell, gates = self.form.step(products, pooled, skip=None, peepholes=None, zone=noise.cell_zone)
        return self._state(hidden, seen, cell), gates

    @classmethod
    def scan(cls, cells: Sequence["QrnnCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return the hidden states, with the last inputs of each step and the cell states, where there are any."""
        cell = cells[0]
        seen = cell._windows(inputs, state)
        hidden, cell_states = scan_gated(
            project(seen, stacked(cells, "weight_ih")),
            state[0 if cell.form.output == "state" else -1],
            bias=stacked(cells, "bias_ih"),
            form=cell.form,
            algorithm=cell.algorithm,
            zone=draw_noise(cells, inputs).cell_zone,
        )
        return list(cell._state(hidden, seen, cell_states))

    def _windows(self, inputs: Tensor, state: State) -> Tensor:
        """Return the last `window` inputs of each step side by side, the newest last."""
        earlier = [past.unflatten(-1, (self.window - 1, -1)).transpose(1, 2) for past in self._inputs_of(state)]
        padded = torch.cat([*earlier, inputs], 1)
        return torch.cat([padded[:, tap : tap + inputs.shape[1]] for tap in range(self.window)], -1)

    def _inputs_of(self, state: State) -> State:
        """Return the state that holds earlier inputs, empty where the window has none."""
        return state[1:2] if self.window > 1 else ()

    def _state(self, hidden: Tensor, seen: Tensor, cell: Tensor) -> State:
        inputs = (seen[..., self.input_width :],) if self.window > 1 else ()
        return (hidden, *inputs) if self.form.output == "state" else (hidden, *inputs, cell)
