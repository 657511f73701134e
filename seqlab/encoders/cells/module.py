"""Any single-step module as a cell."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from seqlab.encoders.cells.base import Cell, State
from seqlab.encoders.cells.plain_loop import scan_steps
from seqlab.errors import ConfigError
from seqlab.functional.recurrence.noise import Noise


@final
class ModuleCell(Cell):
    """Runs a module of one step, such as `torch.nn.LSTMCell` or one of your own, over sequences in a plain loop.

    Args:
        module: Called with the inputs of a step, (batch, feature), and the state before it: h, or a tuple of several states, h
            first. Returns the state after the step in the same form.
        input_width: Features of a step that it reads.
        state_widths: Name and features of each state, `hidden` first.

    Example:
        >>> from seqlab.encoders import RecurrentEncoder
        >>> encoder = RecurrentEncoder(8, 16, cell=nn.GRUCell)
        >>> type(encoder.layers[0].cells[0]).__name__
        'ModuleCell'
    """

    def __init__(self, module: nn.Module, *, input_width: int, state_widths: Mapping[str, int]) -> None:
        if next(iter(state_widths), None) != "hidden":
            raise ConfigError(f"state_widths names {', '.join(state_widths) or 'no state'}; expected hidden first")
        super().__init__(input_width, state_widths["hidden"], recurrent_drop_prob=0.0, hidden_zone_prob=0.0)
        self.module, self.state_widths = module, dict(state_widths)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the module's parameters."""
        return next((parameter.dtype for parameter in self.parameters()), torch.get_default_dtype())

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return the state after one step; the gates of the module are not known."""
        found: Any = self.module(inputs, state if len(state) > 1 else state[0])
        after = tuple(found) if isinstance(found, list | tuple) else (found,)
        if [part.shape for part in after] != [part.shape for part in state]:
            shapes = ", ".join(str(tuple(part.shape)) for part in after)
            expected = ", ".join(f"{name} {tuple(part.shape)}" for name, part in zip(self.state_widths, state, strict=True))
            raise ConfigError(f"{type(self.module).__name__} returns states of the shapes {shapes}; expected {expected}")
        return after, {}

    @classmethod
    def scan(cls, cells: Sequence["ModuleCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return each state of every step."""
        return scan_steps(cells, inputs, state)


def as_cell(make: Callable[[int, int], nn.Module], *, input_width: int, width: int) -> Cell:
    """Return the cell that `make` makes; a single-step module has the states of its `state_widths`, else of torch's cells."""
    made = make(input_width, width)
    if isinstance(made, Cell):
        return made
    hidden = int(getattr(made, "width", getattr(made, "hidden_size", width)))
    by_default = {"hidden": hidden, "cell": hidden} if isinstance(made, nn.LSTMCell) else {"hidden": hidden}
    return ModuleCell(made, input_width=input_width, state_widths=getattr(made, "state_widths", by_default))
