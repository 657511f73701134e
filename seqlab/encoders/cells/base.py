"""The contract of cells: one step of a recurrence, and the same run over whole sequences."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.encoders.cells.initialisation import initialise
from seqlab.errors import ConfigError
from seqlab.functional.dropout import bernoulli_mask
from seqlab.functional.padding import last_states
from seqlab.functional.recurrence.noise import Noise
from seqlab.functional.widths import check_width

State: TypeAlias = tuple[Tensor, ...]
"""The hidden state first, then others, such as the cell state of an LSTM."""


class Cell(nn.Module, ABC):
    """Reads one step of each sequence of a batch: (inputs, state) -> state, as `torch.nn`'s cells do.

    A cell makes its parameters in its constructor, then calls `initialise_`. Zoneout and recurrent dropout act while training;
    in evaluation, zoneout mixes old and new states by its probability.
    """

    input_width: int
    width: int
    """Features of the hidden state, which is the output."""
    state_widths: Mapping[str, int]
    """Name and features of each state, `hidden` first; by default that alone."""
    unlearned_states: Collection[str] = ()
    """Names of states whose initial values cannot be learned, such as those that no step reads."""
    weight_ih: nn.Parameter
    weight_hh: nn.Parameter
    bias_ih: Tensor
    bias_hh: Tensor
    """Those with `hh` belong to cells whose gates read the hidden state. Without biases, `bias_…` are buffers of zeros."""

    def __init__(
        self, input_width: int, width: int, *, recurrent_drop_prob: float, hidden_zone_prob: float, cell_zone_prob: float = 0.0
    ) -> None:
        super().__init__()
        if width < 1:
            raise ConfigError(f"encoder.width is {width}; expected at least 1 unit")
        self.input_width, self.width = input_width, width
        self.state_widths = {"hidden": width}
        self.recurrent_drop_prob = _probability("recurrent_drop_prob", recurrent_drop_prob)
        self.hidden_zone_prob = _probability("hidden_zone_prob", hidden_zone_prob)
        self.cell_zone_prob = _probability("cell_zone_prob", cell_zone_prob)

    def forward(self, inputs: Float[Tensor, "batch feature"], state: State | None = None) -> State:
        """Return the state after one step, the hidden one first; a `state` of None is zero.

        Raises: ConfigError for inputs and states of other widths.
        """
        self.check_widths(inputs, state)
        before = self.zero_state(inputs) if state is None else state
        return self.step(inputs, before, noise=draw_noise([self], inputs[None, None]).at(0, 0))[0]

    @abstractmethod
    def step(
        self, inputs: Float[Tensor, "batch feature"], state: State, *, noise: Noise
    ) -> tuple[State, dict[str, Float[Tensor, "batch unit"]]]:
        """Return the state after one step, and the value of each gate by name. Written from the equations, not for speed."""

    @classmethod
    @abstractmethod
    def scan(
        cls, cells: Sequence[Any], inputs: Float[Tensor, "direction time batch feature"], state: State
    ) -> list[Float[Tensor, "direction time batch unit"]]:
        """Return each state of every step, for cells of one form, one a direction; `state` is (direction batch unit) each."""

    @classmethod
    def run(
        cls,
        cells: Sequence[Any],
        inputs: Float[Tensor, "direction time batch feature"],
        state: State,
        *,
        lengths: Int[Tensor, " batch"] | None,
    ) -> tuple[Float[Tensor, "direction time batch hidden"], State]:
        """Return the hidden states, and each state after the last real step of each record, (direction batch unit).

        Where `lengths` is None, those last states are not needed. A cell with large states overrides this, so as not to
        keep those of every step.
        """
        runs = cls.scan(cells, inputs, state)
        if lengths is None:
            return runs[0], ()
        return runs[0], tuple(last_states(run, lengths, before=before) for run, before in zip(runs, state, strict=True))

    @property
    def dtype(self) -> torch.dtype:
        """The type of its weights; its recurrence runs in it, whatever the autocast."""
        return self.weight_ih.dtype

    def zero_state(self, inputs: Float[Tensor, "*lead feature"]) -> State:
        """Return the states before anything is read, for the batch of `inputs`, (… batch feature); zeros by default."""
        return tuple(inputs.new_zeros(inputs.shape[-2], width) for width in self.state_widths.values())

    def check_widths(self, inputs: Float[Tensor, "*lead feature"], state: State | None, *lead: int) -> None:
        """Raise ConfigError for tensors that kernels would read beyond their ends: torch's own LSTM does not check them.

        States have the shape (*lead, batch, unit).
        """
        check_width(inputs, self.input_width, layer=type(self).__name__)
        if state is not None:
            self.check_state(state, *lead, inputs.shape[-2])

    def check_state(self, state: State, *lead: int) -> None:
        """Raise ConfigError for states that are not all there, or have another shape than (*lead, unit)."""
        if len(state) != len(self.state_widths):
            names = ", ".join(self.state_widths)
            raise ConfigError(f"{type(self).__name__} is given {len(state)} initial states; expected {names}")
        for part, (name, width) in zip(state, self.state_widths.items(), strict=True):
            if part.shape != (*lead, width):
                expected = f"{lead[-1]} records of {width} features"
                raise ConfigError(
                    f"the initial state {name} has the shape {tuple(part.shape[len(lead) - 1 :])}; expected {expected}"
                )

    def blocks(self, parameter: Tensor) -> Sequence[Tensor]:
        """Return the parts of a parameter that are initialised separately: its gates."""
        return torch.split(parameter, self.width)

    def input_bias(self) -> Tensor:
        """Return the bias of the inputs' products: all biases that no gate multiplies."""
        return self.bias_ih + self.bias_hh

    def make_gates(self, n_units: int, *, has_bias: bool) -> None:
        """Make weights and biases of gates that read inputs and hidden state, named as those of `torch.nn`'s cells."""
        self.weight_ih = nn.Parameter(torch.empty(n_units, self.input_width))
        self.weight_hh = nn.Parameter(torch.empty(n_units, self.width))
        for name in ("bias_ih", "bias_hh"):
            if has_bias:
                self.register_parameter(name, nn.Parameter(torch.empty(n_units)))
            else:
                self.register_buffer(name, torch.zeros(n_units), persistent=False)

    def initialise_(self, *, input_init: str, recurrent_init: str) -> None:
        """Fill the parameters: `weight_ih` and `weight_hh` gate by gate, biases and peepholes with zeros, gains with ones."""
        kinds = {"weight_ih": input_init, "weight_hh": recurrent_init, "weight_hr": input_init, "weight_co": recurrent_init}
        for name, parameter in self.named_parameters():
            default = "ones" if name.endswith("gain") else "zeros"
            for block in self.blocks(parameter.detach()):
                initialise(block, kind=kinds.get(name, default))

    def extra_repr(self) -> str:
        """Return the widths, for printing the module."""
        return f"{self.input_width}, {self.width}"


def draw_noise(cells: Sequence[Cell], inputs: Float[Tensor, "direction time batch feature"]) -> Noise:
    """Return the noise of one run of `cells` (of one form) over `inputs`: drawn while training, its mean in evaluation."""
    cell = cells[0]
    n_steps, n_records = inputs.shape[1:3]
    cell_width = cell.state_widths.get("cell", cell.width)

    def zone(prob: float, width: int) -> Tensor | float | None:
        if not prob or not cell.training:
            return prob or None
        shape = (len(cells), n_steps, n_records, width)
        return bernoulli_mask(shape, keep_prob=prob, like=inputs).to(inputs.dtype)

    recurrent = None
    if cell.training and cell.recurrent_drop_prob:
        keep_prob = 1 - cell.recurrent_drop_prob
        mask = bernoulli_mask((len(cells), n_records, cell.width), keep_prob=keep_prob, like=inputs)
        recurrent = mask.to(inputs.dtype) / keep_prob
    return Noise(recurrent, zone(cell.hidden_zone_prob, cell.width), zone(cell.cell_zone_prob, cell_width))


def stacked(cells: Sequence[Cell], name: str) -> Tensor:
    """Return parameter `name` of all cells, on a leading axis."""
    tensors = [getattr(cell, name) for cell in cells]
    return tensors[0].unsqueeze(0) if len(tensors) == 1 else torch.stack(tensors)


def scan_hidden(
    cells: Sequence[Cell],
    inputs: Float[Tensor, "direction time batch feature"],
    state: State,
    *,
    recurrence: Callable[..., Tensor],
) -> list[Tensor]:
    """Return h of every step of cells with no other state, by `recurrence` of (products, first h, W) and `noise`."""
    bias = torch.stack([cell.input_bias() for cell in cells])
    products = projected(inputs, stacked(cells, "weight_ih"), bias)
    return [recurrence(products, state[0], stacked(cells, "weight_hh"), noise=draw_noise(cells, inputs))]


def projected(
    inputs: Float[Tensor, "direction time batch feature"],
    weight: Float[Tensor, "direction gate feature"],
    bias: Float[Tensor, "direction gate"] | None,
) -> Float[Tensor, "direction time batch gate"]:
    """Return the inputs' products for all steps at once, each direction by its own weights."""
    if len(inputs) == 1:
        # Views, not items: the gradient of an item would be copied into a new tensor of zeros.
        one = inputs.squeeze(0), weight.squeeze(0), None if bias is None else bias.squeeze(0)
        products = nn.functional.linear(*one).unsqueeze(0)
    else:
        rows, columns = inputs.flatten(1, 2), weight.transpose(1, 2)
        products = torch.bmm(rows, columns) if bias is None else torch.baddbmm(bias.unsqueeze(1), rows, columns)
    return products.view(*inputs.shape[:3], weight.shape[1]).to(weight.dtype)  # of less precision under autocast


def _probability(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise ConfigError(f"encoder.cell.{name} is {value}; expected a probability at least 0 and below 1")
    return value
