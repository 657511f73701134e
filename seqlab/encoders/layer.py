"""One recurrent layer: a cell for each direction, run over whole padded sequences."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.encoders.cells import Cell, LstmCell, State


@final
class RecurrentLayer(nn.Module):
    """Runs its cells side by side, each over inputs of its own that stand in its reading order.

    `bptt_steps` cuts what gradients see: the state is carried over every so many steps, but no gradient crosses there
    (truncated back-propagation through time, Williams and Peng 1990); None = no cut.
    """

    def __init__(self, cells: Sequence[Cell], *, learns_state: bool, bptt_steps: int | None) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.bptt_steps = bptt_steps
        self.first_states = nn.ParameterList(
            [nn.Parameter(torch.zeros(width)) for cell in cells for width in cell.state_widths.values()] if learns_state else []
        )

    @property
    def cell_of_each(self) -> list[Cell]:
        """The cell of each direction."""
        return list(self.cells)  # type: ignore[arg-type]

    def forward(
        self,
        inputs: Sequence[Float[Tensor, "time batch feature"]],
        *,
        lengths: Int[Tensor, " batch"],
        states: Sequence[State] | None,
        keeps_states: bool,
    ) -> tuple[list[Float[Tensor, "time batch hidden"]], list[State]]:
        """Return the hidden states of each direction and, if wanted, the states after each record's last real step.

        `states` are the initial ones; None = those the layer has learned, else zero.
        """
        cells, first = self.cell_of_each, [*(states or self._first_states(inputs[0]))]
        if not keeps_states and self.bptt_steps is None and all(_has_kernel(cell) for cell in cells):
            return [_kernel_run(cell, x, s) for cell, x, s in zip(cells, inputs, first, strict=True)], []
        runs = self._run(inputs, first)
        hidden = list(runs[0].unbind(0))
        if not keeps_states:
            return hidden, []
        last = [
            tuple(_last(run[direction], before, lengths) for run, before in zip(runs, first[direction], strict=True))
            for direction in range(len(cells))
        ]
        return hidden, last

    def _run(self, inputs: Sequence[Tensor], states: Sequence[State]) -> list[Tensor]:
        """Return each state of every step, (direction time batch unit)."""
        cells = self.cell_of_each
        n_steps = inputs[0].shape[0]
        window = self.bptt_steps or n_steps
        pieces = []
        for start in range(0, n_steps, window):
            pieces.append(type(cells[0]).scan(cells, [x[start : start + window] for x in inputs], states))
            states = [tuple(part[direction, -1].detach() for part in pieces[-1]) for direction in range(len(inputs))]
        return pieces[0] if len(pieces) == 1 else [torch.cat(parts, dim=1) for parts in zip(*pieces, strict=True)]

    def _first_states(self, inputs: Tensor) -> list[State]:
        if not len(self.first_states):
            return [cell.zero_state(inputs) for cell in self.cell_of_each]
        learned = iter(self.first_states)
        return [tuple(next(learned).expand(inputs.shape[1], -1) for _ in cell.state_widths) for cell in self.cell_of_each]


def _has_kernel(cell: Cell) -> bool:
    """Whether torch's LSTM computes the same: on a CPU by oneDNN, which no loop of ours beats."""
    return isinstance(cell, LstmCell) and cell.is_plain


def _kernel_run(cell: Cell, inputs: Tensor, state: State) -> Tensor:
    """Return the hidden states."""
    assert isinstance(cell, LstmCell)
    weights: list[Tensor] = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    first = [part.unsqueeze(0).contiguous() for part in state]
    return torch.lstm(inputs, first, weights, True, 1, 0.0, cell.training, False, False)[0]


def _last(run: Tensor, before: Tensor, lengths: Tensor) -> Tensor:
    """Return the state after the last real step of each record: the initial one where it has none."""
    index = torch.clamp(lengths - 1, min=0)[None, :, None].expand(1, -1, run.shape[-1])
    return torch.where((lengths > 0).unsqueeze(1), run.gather(0, index)[0], before)
