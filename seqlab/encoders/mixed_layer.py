"""One recurrent layer whose directions have cells of different kinds."""

from collections.abc import Iterator, Sequence
from typing import cast, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.encoders.cells import Cell, State
from seqlab.encoders.layer import RecurrentLayer
from seqlab.errors import ConfigError


@final
class MixedLayer(nn.Module):
    """Runs the cell of each direction in a layer of its own, as cells of different kinds cannot run side by side.

    Its states are those of the first direction, then those of the second, each with a leading axis of one direction.

    Args:
        cells: One for each direction, of equal width.
        learns_state: Whether the initial states are parameters.
        bptt_steps: As in `RecurrentLayer`.
    """

    def __init__(self, cells: Sequence[Cell], *, learns_state: bool, bptt_steps: int | None) -> None:
        super().__init__()
        first, second = (cell.width for cell in cells)
        if first != second:
            what = f"encoder.backward_cell gives {second} features and encoder.cell {first}"
            raise ConfigError(f"{what}; expected equal widths: give both the same projection_width, or none")
        self.directions = nn.ModuleList(
            RecurrentLayer([cell], learns_state=learns_state, bptt_steps=bptt_steps, first_direction=i)
            for i, cell in enumerate(cells)
        )

    @property
    def cell_of_each(self) -> list[Cell]:
        """The cell of each direction."""
        return [cell for layer in self._layers() for cell in layer.cell_of_each]

    @property
    def state_places(self) -> list[list[tuple[str, int]]]:
        """Kind and direction of each state, for each tensor of states."""
        return [[(kind, i)] for i, cell in enumerate(self.cell_of_each) for kind in cell.state_widths]

    def forward(
        self,
        inputs: Float[Tensor, "direction time batch feature"],
        *,
        lengths: Int[Tensor, " batch"],
        state: State | None,
        keeps_states: bool,
        is_full: bool = False,
    ) -> tuple[Float[Tensor, "direction time batch hidden"], State]:
        """Return the hidden states and, if wanted, the states after each record's last real step; see `RecurrentLayer`."""
        runs, last, given = [], list[Tensor](), iter(state or ())
        for layer, of_direction in zip(self._layers(), inputs.split(1), strict=True):
            first = None if state is None else tuple(next(given) for _ in layer.cell_of_each[0].state_widths)
            run, after = layer(of_direction, lengths=lengths, state=first, keeps_states=keeps_states, is_full=is_full)
            runs.append(run)
            last += after
        return torch.cat(runs), tuple(last)

    def _layers(self) -> Iterator[RecurrentLayer]:
        yield from cast(Iterator[RecurrentLayer], iter(self.directions))
