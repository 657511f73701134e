"""One recurrent layer: a cell for each direction, run over whole padded sequences."""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.encoders.cells import Cell, LstmCell, State
from seqlab.errors import ConfigError
from seqlab.functional.native import Operator
from seqlab.functional.recurrence import compiled


@final
class RecurrentLayer(nn.Module):
    """Runs the cells of a layer side by side, each over its own inputs in its reading order.

    Args:
        cells: One for each direction, of one form.
        learns_state: Whether the initial states are parameters.
        bptt_steps: Steps after which the state is carried over but no gradient crosses (truncated back-propagation through
            time, Williams and Peng 1990); None: no cut.
        first_direction: Direction of the first cell: 1 if it reads backwards.
    """

    def __init__(self, cells: Sequence[Cell], *, learns_state: bool, bptt_steps: int | None, first_direction: int = 0) -> None:
        super().__init__()
        if bptt_steps is not None and bptt_steps < 1:
            raise ConfigError(f"encoder.bptt_steps is {bptt_steps}; expected at least 1 step, or null for no cut")
        self.cells = nn.ModuleList(cells)
        self.bptt_steps = bptt_steps
        self.first_direction = first_direction
        self.learned_states = [name for name in cells[0].state_widths if learns_state and name not in cells[0].unlearned_states]
        self.first_states = nn.ParameterList(
            [nn.Parameter(torch.zeros(cell.state_widths[name])) for cell in cells for name in self.learned_states]
        )

    @property
    def cell_of_each(self) -> list[Cell]:
        """The cell of each direction."""
        return [cast(Cell, cell) for cell in self.cells]

    @property
    def state_places(self) -> list[list[tuple[str, int]]]:
        """Kind and direction of each state, for each tensor of states."""
        return [[(kind, direction) for direction in range(len(self.cells))] for kind in self.cell_of_each[0].state_widths]

    def forward(
        self,
        inputs: Float[Tensor, "direction time batch feature"],
        *,
        lengths: Int[Tensor, " batch"],
        state: State | None,
        keeps_states: bool,
        is_full: bool = False,
    ) -> tuple[Float[Tensor, "direction time batch hidden"], State]:
        """Return the hidden states and, if wanted, the states after each record's last real step, (direction batch unit) each.

        `state` is the initial one; None: the learned one, else zero. `is_full` says that no step is known to be padding.

        Raises: ConfigError for inputs and states of other widths than those of the cells.
        """
        cells = self.cell_of_each
        cells[0].check_widths(inputs, state, len(cells))
        first = state or self.first_state(inputs)
        # The kernel gives the states after the padding, too.
        if (is_full or not keeps_states) and not self._cuts and _prefers_kernel(cells, inputs):
            run, *after = _kernel_runs(cells, inputs, first)
            return run, tuple(after) if keeps_states else ()
        dtype = cells[0].dtype
        first = tuple(state.to(dtype) for state in first)
        if not self._cuts:
            return type(cells[0]).run(cells, inputs.to(dtype), first, lengths=lengths if keeps_states else None)
        run, last = self._run_in_pieces(inputs.to(dtype).split(cast(int, self.bptt_steps), dim=1), first, lengths=lengths)
        return run, last if keeps_states else ()

    @property
    def _cuts(self) -> bool:
        """Whether there is a gradient to cut."""
        return self.bptt_steps is not None and torch.is_grad_enabled()

    def _run_in_pieces(self, pieces: Sequence[Tensor], state: State, *, lengths: Tensor) -> tuple[Tensor, State]:
        """Return what `Cell.run` returns; no gradient crosses from a piece to the one before."""
        cells, last = self.cell_of_each, state
        hidden: list[Tensor] = []
        for i, piece in enumerate(pieces):
            rest = lengths - i * len(pieces[0][0])
            run, after = type(cells[0]).run(cells, piece, state, lengths=rest.clamp(0, piece.shape[1]))
            # A record that ended in an earlier piece keeps the state of that piece, with its gradient.
            last = tuple(torch.where((rest > 0).unsqueeze(1), new, old) for new, old in zip(after, last, strict=True))
            hidden.append(run)
            state = tuple(part.detach() for part in after)
        return torch.cat(hidden, dim=1), last

    def first_state(self, inputs: Float[Tensor, "direction time batch feature"]) -> State:
        """Return the initial states, (direction batch unit) each: the learned ones, else zero."""
        n_directions, _, n_records, _ = inputs.shape
        cell = self.cell_of_each[0]

        def first(name: str, zero: Tensor) -> Tensor:
            if name not in self.learned_states:
                return zero.repeat(n_directions, 1, 1)
            of_each = list(self.first_states)[self.learned_states.index(name) :: len(self.learned_states)]
            return torch.stack(of_each).unsqueeze(1).expand(-1, n_records, -1)

        return tuple(first(name, zero) for name, zero in zip(cell.state_widths, cell.zero_state(inputs), strict=True))


def _prefers_kernel(cells: Sequence[Cell], inputs: Tensor) -> bool:
    """Whether torch's own LSTM (on a CPU by oneDNN) computes the same, and faster.

    It runs one direction after the other: in training with several threads the compiled scan, which runs both side by side,
    is faster by a tenth (benchmarks/cells.py).
    """
    if not all(isinstance(cell, LstmCell) and cell.is_plain for cell in cells):
        return False
    is_captured = torch.compiler.is_compiling()
    if torch.is_autocast_enabled("cpu") and (is_captured or not _runs_under_autocast(torch.get_autocast_dtype("cpu"))):
        return False  # in a captured program, operators have the types of their arguments
    if is_captured:  # it may run with any number of threads
        return True
    has_more_threads = len(cells) > 1 and torch.get_num_threads() > 1
    return not (has_more_threads and torch.is_grad_enabled() and compiled.is_usable(inputs))


@cache
def _runs_under_autocast(dtype: torch.dtype) -> bool:
    """Whether this CPU has torch's LSTM in the type of an autocast: older ones have none in half precision, and raise."""
    inputs, state, bias = torch.zeros(1, 1, 1), torch.zeros(1, 1, 1), torch.zeros(4)
    weights = [torch.zeros(4, 1), torch.zeros(4, 1), bias, bias]
    try:
        with torch.autocast("cpu", dtype=dtype):
            torch.lstm(inputs, [state, state], weights, True, 1, 0.0, False, False, False)
    except RuntimeError:
        return False
    return True


def _kernel_runs(cells: Sequence[Cell], inputs: Tensor, state: State) -> tuple[Tensor, ...]:
    """Return the hidden states, and the states after the last step, by torch's own LSTM."""
    if len(cells) == 1:  # taken as a view: the gradient of an iteration would be a copy
        run, *last = _kernel_run(cells[0], inputs.squeeze(0), *(part.squeeze(0) for part in state))
        return run.unsqueeze(0), *last
    runs = [_kernel_run(cell, *one) for cell, *one in zip(cells, inputs, *state, strict=True)]
    hidden, first, second = zip(*runs, strict=True)
    return torch.stack(hidden), torch.cat(first), torch.cat(second)


def _kernel_run(cell: Cell, inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
    assert isinstance(cell, LstmCell)
    first = [part.unsqueeze(0).contiguous() for part in state]
    weights = cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
    made: tuple[Tensor, ...] = _KERNEL(inputs, *first, *weights, cell.training, torch.is_grad_enabled())
    return made


def _lstm(inputs: Tensor, hidden: Tensor, cell: Tensor, *others: Any) -> tuple[Tensor, ...]:
    *weights, is_training, has_gradients = others
    # Operators run without gradients, for which torch has another kernel, which rounds differently.
    with torch.set_grad_enabled(has_gradients):
        return torch.lstm(inputs, [hidden, cell], weights, True, 1, 0.0, is_training, False, False)


def _shapes(inputs: Tensor, hidden: Tensor, cell: Tensor, *_: Any) -> tuple[Tensor, ...]:
    run = inputs.new_empty(*inputs.shape[:2], hidden.shape[2])
    return run, *(torch.empty_like(part, memory_format=torch.contiguous_format) for part in (hidden, cell))


# torch unrolls its own LSTM when it captures a program, which would hold for one number of steps alone.
_KERNEL = Operator(
    "torch_lstm",
    "Tensor inputs, Tensor hidden, Tensor cell, Tensor weight_ih, Tensor weight_hh, Tensor bias_ih, Tensor bias_hh, "
    "bool is_training, bool has_gradients",
    _lstm,
    shapes=_shapes,
    n_outputs=3,
)
