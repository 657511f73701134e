"""The long short-term memory, in the forms of the literature."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from seqlab.encoders.cells.base import Cell, State, draw_noise, projected, stacked
from seqlab.encoders.cells.plain_loop import scan_steps
from seqlab.errors import ConfigError
from seqlab.functional.recurrence.activations import get_activation
from seqlab.functional.recurrence.lstm import scan_lstm
from seqlab.functional.recurrence.lstm_variant import LstmForm, LstmWeights
from seqlab.functional.recurrence.noise import Noise

_EPSILON = 1e-5
_OUTPUT_GATES = ("previous_hidden", "current_cells")
_WEIGHTS = {
    "recurrent": "weight_hh",
    "projection": "weight_hr",
    "gain": "recurrent_gain",
    **{name: name for name in ("peepholes", "input_gain", "cell_gain", "cell_bias")},
}
"""Names of a cell's parameters by those of `LstmWeights`."""


@final
class LstmCell(Cell):
    """Input gate i, forget gate f, candidate g, output gate o: c_t = f c_{t-1} + i g, h_t = o b(c_t).

    Parameters are named and laid out (i, f, g, o) as those of `torch.nn.LSTMCell`. All equations are in
    `functional/recurrence/lstm.py`.

    Args:
        input_width: Features of a step that it reads.
        width: Number of cells, which is the width of h unless it is projected.
        forget_gate: `own`; `none`, as in the original (Hochreiter and Schmidhuber 1997); `coupled`, 1 - i (Greff et al. 2017).
        output_gate: What o reads beside x_t: `previous_hidden`, W h_{t-1} like the other gates; `current_cells`, V c_t with
            the full matrix V, `weight_co`, in place of it. Its steps run in a plain loop, which is slower than a kernel.
        has_peepholes: Whether i and f see c_{t-1} and o sees c_t (Gers and Schmidhuber 2000).
        cells_per_block: Cells that share their gates, a divisor of `width`; peepholes see all of them (Graves 2012, §4.5).
        projection_width: Width of h as a linear map of o b(c) (Sak et al. 2014); None: h is o b(c).
        is_normalised: Layer normalisation of both products and of c before b (Ba et al. 2016, eq. 20 to 22).
        gate_activation: Function of the gates: `tanh`, `sigmoid`, `relu` or `identity`.
        candidate_activation: Function of g, one of the same.
        output_activation: The function b, one of the same.
        input_init: How each gate's block of `weight_ih` starts: `glorot`, `he`, `orthogonal`, `identity`, `small`, `uniform`,
            `zeros` or `ones`.
        recurrent_init: The same for `weight_hh`.
        has_bias: Whether its gates have biases, two each as in torch; without them, `forget_bias` is not used.
        forget_bias: Initial bias of the forget gate; 1 keeps it open (Jozefowicz et al. 2015, §2.2).
        recurrent_drop_prob: Probability to drop a unit of h_{t-1} before W, by one mask a record (Gal and Ghahramani 2016).
        hidden_zone_prob: Probability that a unit of h keeps its old value in a step (zoneout, Krueger et al. 2017).
        cell_zone_prob: The same for units of c.

    Example:
        >>> hidden, cell = LstmCell(10, 20)(torch.zeros(2, 10))
        >>> hidden.shape
        torch.Size([2, 20])
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        forget_gate: str = "own",
        output_gate: str = "previous_hidden",
        has_peepholes: bool = False,
        cells_per_block: int = 1,
        projection_width: int | None = None,
        is_normalised: bool = False,
        gate_activation: str = "sigmoid",
        candidate_activation: str = "tanh",
        output_activation: str = "tanh",
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        has_bias: bool = True,
        forget_bias: float = 1.0,
        recurrent_drop_prob: float = 0.0,
        hidden_zone_prob: float = 0.0,
        cell_zone_prob: float = 0.0,
    ) -> None:
        super().__init__(
            input_width,
            _hidden_width(width, projection_width=projection_width),
            recurrent_drop_prob=recurrent_drop_prob,
            hidden_zone_prob=hidden_zone_prob,
            cell_zone_prob=cell_zone_prob,
        )
        activations = gate_activation, candidate_activation, output_activation
        self.form = _form(width, forget_gate=forget_gate, cells_per_block=cells_per_block, activations=activations)
        self.state_widths = {"hidden": self.width, "cell": width}
        self.make_gates(self.form.gate_width, has_bias=has_bias)
        _check_output_gate(output_gate, has_peepholes=has_peepholes, is_normalised=is_normalised)
        self._make_parameters(has_peepholes=has_peepholes, has_projection=bool(projection_width), is_normalised=is_normalised)
        self._make_output_gate(reads_cells=output_gate == "current_cells")
        self.initialise_(input_init=input_init, recurrent_init=recurrent_init)
        if self.form.has_forget_weights and has_bias:
            nn.init.constant_(self.bias_ih.detach()[self.form.n_blocks : 2 * self.form.n_blocks], forget_bias)

    def _make_parameters(self, *, has_peepholes: bool, has_projection: bool, is_normalised: bool) -> None:
        cells, gates = self.form.width, self.form.gate_width

        def parameter(is_there: bool, *shape: int) -> nn.Parameter | None:
            return nn.Parameter(torch.empty(shape)) if is_there else None

        self.peepholes = parameter(has_peepholes, self.form.n_input_gates + 1, cells)
        self.weight_hr = parameter(has_projection, self.width, cells)
        self.input_gain = parameter(is_normalised, gates)
        self.recurrent_gain = parameter(is_normalised, gates)
        self.cell_gain = parameter(is_normalised, cells)
        self.cell_bias = parameter(is_normalised, cells)

    def _make_output_gate(self, *, reads_cells: bool) -> None:
        self.weight_co: nn.Parameter | None = None
        if reads_cells:
            self.weight_hh = nn.Parameter(torch.empty(sum(self.form.sizes[:-1]), self.width))
            self.weight_co = nn.Parameter(torch.empty(self.form.n_blocks, self.form.width))

    def blocks(self, parameter: Tensor) -> Sequence[Tensor]:
        """Return the gates' parts of what has any."""
        if parameter.shape[0] == len(self.weight_hh) and self.weight_co is not None:
            return torch.split(parameter, self.form.sizes[:-1])
        if parameter.shape[0] != self.form.gate_width:
            return [parameter]
        return torch.split(parameter, self.form.sizes)

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return h_t and c_t, and the gates `input`, `forget` and `output` (by block) with the `candidate` (by cell)."""
        form = self.form
        hidden, cell = state
        product = nn.functional.linear(noise.read(hidden), self.weight_hh)
        if self.recurrent_gain is not None:
            product = nn.functional.layer_norm(product, product.shape[-1:], self.recurrent_gain, None, form.epsilon)
        if self.weight_co is not None:  # o reads no h
            product = nn.functional.pad(product, (0, form.n_blocks))
        *in_gates, candidate, output = torch.split(self._projected(inputs) + product, form.sizes, -1)
        in_gates = [form.gate(self._seeing(gate, cell, row=row)) for row, gate in enumerate(in_gates)]
        candidate, kept = form.candidate(candidate), self._forget(in_gates)
        fresh = self._spread(kept) * cell + self._spread(in_gates[0]) * candidate
        output = form.gate(self._seeing(output, fresh, row=-1))
        scaled = fresh
        if self.cell_gain is not None:
            scaled = nn.functional.layer_norm(fresh, fresh.shape[-1:], self.cell_gain, self.cell_bias, form.epsilon)
        emitted = self._spread(output) * form.output(scaled)
        if self.weight_hr is not None:
            emitted = nn.functional.linear(emitted, self.weight_hr)
        gates = {"input": in_gates[0], "forget": kept, "candidate": candidate, "output": output}
        return (noise.mixed_hidden(emitted, hidden), noise.mixed_cell(fresh, cell)), gates

    @classmethod
    def scan(cls, cells: Sequence["LstmCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return the hidden states and the cell states."""
        if cells[0].weight_co is not None:
            with torch.autocast(inputs.device.type, enabled=False):
                return scan_steps(cells, inputs, state)
        is_normalised = cells[0].input_gain is not None
        bias = torch.stack([cell.input_bias() for cell in cells])
        weights = {field: stacked(cells, name) for field, name in _WEIGHTS.items() if getattr(cells[0], name) is not None}
        recurrence = LstmWeights(**weights, bias=bias if is_normalised else None)
        hidden, cell = state
        products = projected(inputs, stacked(cells, "weight_ih"), None if is_normalised else bias)
        return list(scan_lstm(products, hidden, cell, recurrence, form=cells[0].form, noise=draw_noise(cells, inputs)))

    def _projected(self, inputs: Tensor) -> Tensor:
        """Return the inputs' products of one step, biases added."""
        products, bias = nn.functional.linear(inputs, self.weight_ih), self.input_bias()
        if self.input_gain is None:
            return products + bias
        return nn.functional.layer_norm(products, products.shape[-1:], self.input_gain, bias, _EPSILON)

    @property
    def is_plain(self) -> bool:
        """Whether torch's own LSTM computes this form: no extras, and no noise in this mode."""
        names = (self.form.gate.name, self.form.candidate.name, self.form.output.name)
        extras = self.peepholes, self.weight_hr, self.input_gain, self.weight_co
        has_extras = any(extra is not None for extra in extras)
        has_noise = self.hidden_zone_prob or self.cell_zone_prob or (self.training and self.recurrent_drop_prob)
        is_standard = self.form.has_forget_weights and self.form.cells_per_block == 1 and names == ("sigmoid", "tanh", "tanh")
        return is_standard and not has_extras and not has_noise

    def _seeing(self, gate: Tensor, cell: Tensor, *, row: int) -> Tensor:
        if row == -1 and self.weight_co is not None:
            return gate + nn.functional.linear(cell, self.weight_co)
        if self.peepholes is None:
            return gate
        return gate + self.form.cells(cell * self.peepholes[row]).sum(-1)

    def _forget(self, in_gates: Sequence[Tensor]) -> Tensor:
        if self.form.is_coupled:
            return 1 - in_gates[0]
        return in_gates[1] if self.form.has_forget_gate else torch.ones_like(in_gates[0])

    def _spread(self, gate: Tensor) -> Tensor:
        """Return a gate for each cell of its block."""
        return gate if self.form.cells_per_block == 1 else gate.repeat_interleave(self.form.cells_per_block, -1)


def _hidden_width(width: int, *, projection_width: int | None) -> int:
    """Return the features of h, of `width` cells."""
    if projection_width is not None and projection_width < 1:
        raise ConfigError(f"encoder.cell.projection_width is {projection_width}; expected at least 1, or null for none")
    return projection_width or width


def _check_output_gate(output_gate: str, *, has_peepholes: bool, is_normalised: bool) -> None:
    name = "encoder.cell.output_gate"
    if output_gate not in _OUTPUT_GATES:
        raise ConfigError(f"{name} is {output_gate!r}; expected {' or '.join(_OUTPUT_GATES)}")
    if output_gate == "current_cells" and has_peepholes:
        what = f"{name} is current_cells, which reads all cells, and has_peepholes lets each gate read its own"
        raise ConfigError(f"{what}; set encoder.cell.has_peepholes=false, or {name}=previous_hidden")
    if output_gate == "current_cells" and is_normalised:
        what = f"{name} is current_cells, and layer normalisation needs the product of h for every gate"
        raise ConfigError(f"{what}; set encoder.cell.is_normalised=false, or {name}=previous_hidden")


def _form(width: int, *, forget_gate: str, cells_per_block: int, activations: tuple[str, str, str]) -> LstmForm:
    """Return what kind of LSTM it is; `activations` are those of gates, candidate and output."""
    if forget_gate not in ("own", "none", "coupled"):
        raise ConfigError(f"encoder.cell.forget_gate is {forget_gate!r}; expected own, none or coupled")
    if cells_per_block < 1 or width % cells_per_block:
        raise ConfigError(f"encoder.cell.cells_per_block is {cells_per_block}; expected a divisor of encoder.width, {width}")
    has_forget_gate, is_coupled, n_blocks = forget_gate != "none", forget_gate == "coupled", width // cells_per_block
    gate, candidate, output = map(get_activation, activations)
    return LstmForm(n_blocks, cells_per_block, has_forget_gate, is_coupled, gate, candidate, output, _EPSILON)
