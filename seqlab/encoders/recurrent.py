"""Stacked recurrent layers, in one direction or both: padded and masked, never packed.

Packed sequences lose the CPU's LSTM kernel and block export; here the backward direction reads each sequence reversed
within its own length, so that padding comes last in both directions and cannot reach a real step.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import final

import torch
from torch import Tensor, nn

from seqlab.encoders.base import Encoder
from seqlab.encoders.cells import LstmCell, State
from seqlab.encoders.cells.module import as_cell
from seqlab.encoders.connections import CONNECTIONS, Connection
from seqlab.encoders.layer import RecurrentLayer
from seqlab.encoders.merging import SIDE_BY_SIDE, get_merge
from seqlab.encoders.mixed_layer import MixedLayer
from seqlab.errors import ConfigError
from seqlab.functional.dropout import get_dropout
from seqlab.functional.padding import ReadingOrder, last_states, reverse_steps
from seqlab.steps import Steps


@final
class RecurrentEncoder(Encoder):
    """Layers of recurrent cells; the summary is the top layer's last state, of each direction in its own reading order.

    Args:
        input_width: Features of a step that the first layer reads.
        width: Units of each direction: one number for all layers, or one for each, from the bottom.
        cell: Constructor of one direction of one layer, called with (input width, width): a cell, or any single-step module
            such as `torch.nn.LSTMCell`, which runs in a plain loop (`ModuleCell`).
        backward_cell: The same for the backward direction, of equal width; None: `cell`.
        depth: Number of layers; None: as many as `width` has numbers.
        is_bidirectional: Whether a second direction reads each record from its last step back.
        merge: How the two directions become one vector: `concat`, `sum`, `mul`, `mean` (or `ave`), `max`, or `none` (side by
            side, for heads that take them apart).
        stacking: `interleaved`: each layer reads both directions of the one below; `independent`: each direction reads its
            own, and they meet at the top.
        connection: From a layer's input to its output, from the second layer on: `none`, `skip` (side by side), `residual`
            (sum) or `highway` (gated).
        dropout_kind: `naive`, `variational` (one mask a record) or `step` (whole steps).
        drop_prob: Dropout between layers, at least 0 and below 1.
        output_drop_prob: Dropout after the top layer and on the summary.
        initial_state: `zero` or `learned`.
        is_stateful: Whether it always returns its last states; False: only if the steps have a state to start from, since that
            takes time. With one direction, a long record can be read in windows, each with the state of the one before.
        bptt_steps: Steps after which no gradient crosses (truncated back-propagation through time); None: no cut.
        reads_backwards: Whether its only direction reads each record from its last step back.

    States are (batch, unit), named by layer and kind: `0.hidden`, `0.cell`, `1.hidden`; those of a second direction end in
    `.backward`.

    Example:
        >>> encoder = RecurrentEncoder(8, 16)
        >>> encoder(Steps(torch.zeros(2, 5, 8), torch.tensor([5, 3]))).values.shape
        torch.Size([2, 5, 32])
    """

    def __init__(
        self,
        input_width: int,
        width: int | Sequence[int],
        *,
        cell: Callable[[int, int], nn.Module] = LstmCell,
        backward_cell: Callable[[int, int], nn.Module] | None = None,
        depth: int | None = None,
        is_bidirectional: bool = True,
        merge: str = "concat",
        stacking: str = "interleaved",
        connection: str = "none",
        dropout_kind: str = "variational",
        drop_prob: float = 0.3,
        output_drop_prob: float = 0.5,
        initial_state: str = "zero",
        is_stateful: bool = False,
        bptt_steps: int | None = None,
        reads_backwards: bool = False,
    ) -> None:
        super().__init__()
        _check(connection=connection, stacking=stacking, initial_state=initial_state)
        _check_directions(is_bidirectional, reads_backwards=reads_backwards, has_backward_cell=backward_cell is not None)
        self.reads_backwards = reads_backwards
        self.n_directions = 2 if is_bidirectional else 1
        get_merge(merge)
        self.merge_name = merge
        self.n_stacks = 1 if stacking == "interleaved" else self.n_directions
        self.is_stateful = is_stateful
        self.layers, self.connections = nn.ModuleList(), nn.ModuleList()
        top_width = input_width
        layer_of, makers = RecurrentLayer if backward_cell is None else MixedLayer, [cell, backward_cell or cell]
        for layer_width in _widths(width, depth):
            cells = [as_cell(make, input_width=top_width, width=layer_width) for make in makers[: self.n_directions]]
            self.layers.append(layer_of(cells, learns_state=initial_state == "learned", bptt_steps=bptt_steps))
            top_width = self._connect(connection, input_width=top_width, layer_width=cells[0].width)
        self.output_width = top_width if self.n_stacks == 1 else self._merged_width(top_width)
        self.summary_width = self._merged_width(cells[0].width)
        between = [get_dropout(dropout_kind, drop_prob=drop_prob) for _ in self.layers]
        self.dropouts = nn.ModuleList([*between[1:], get_dropout(dropout_kind, drop_prob=output_drop_prob)])

    def _connect(self, connection: str, *, input_width: int, layer_width: int) -> int:
        """Add the connection around the layer just added, none around the first; return the width that the next layer reads."""
        made = self._merged_width(layer_width) if self.n_stacks == 1 else layer_width
        around = CONNECTIONS[connection if self.connections else "none"]
        both = [around(input_width=input_width, layer_width=made) for _ in range(self.n_stacks)]
        self.connections.append(nn.ModuleList(both))
        width: int = both[0].output_width
        return width

    @property
    def merge(self) -> Callable[[Tensor], Tensor]:
        """What makes one vector of those of the directions."""
        return get_merge(self.merge_name)

    def forward(self, steps: Steps) -> Steps:
        """Return the top layer's hidden states."""
        values = steps.zero_padded().values
        if self.reads_backwards:
            values = reverse_steps(values, steps.lengths)
        order = ReadingOrder(steps.lengths, values.shape[1], self.n_directions, steps.is_full)
        stacks = [values] * self.n_stacks
        state: dict[str, Tensor] = {}
        for i, (layer, around, dropout) in enumerate(self._stages()):
            first = None if steps.state is None else self._given_state(steps.state, i, layer, n_records=values.shape[0])
            keeps = self.is_stateful or first is not None
            inputs = order.read(stacks)
            hidden, last = layer(inputs, lengths=steps.lengths, state=first, keeps_states=keeps, is_full=steps.is_full)
            for names, of_kind in zip(self._state_names(i, layer) if keeps else (), last, strict=True):
                state |= zip(names, of_kind, strict=True)
            read = order.write(hidden)
            made = [self.merge(read)] if self.n_stacks == 1 else list(read.unbind(2))
            stacks = [dropout(around_one(x, y)) for around_one, x, y in zip(around, stacks, made, strict=True)]
        top = stacks[0] if self.n_stacks == 1 else self.merge(torch.stack(stacks, 2))
        return Steps(
            reverse_steps(top, steps.lengths) if self.reads_backwards else top,
            steps.lengths,
            summary=self._summary(hidden, steps),
            state=state or None,
            n_directions=self.n_directions if self.merge_name == "none" else 1,
        )

    def _state_names(self, i: int, layer: RecurrentLayer | MixedLayer) -> list[list[str]]:
        """Return the names of the states in each tensor of states of layer `i`."""
        return [[_state_name(i, *place) for place in places] for places in layer.state_places]

    def _given_state(self, state: Mapping[str, Tensor], i: int, layer: RecurrentLayer | MixedLayer, *, n_records: int) -> State:
        """Return the initial states of layer `i`, (direction batch unit) each.

        Raises: ConfigError for states that are not there, or have another shape.
        """
        names = self._state_names(i, layer)
        if missing := [name for of_kind in names for name in of_kind if name not in state]:
            raise ConfigError(f"the initial state has no {', '.join(missing)}; it has {', '.join(state)}")
        for direction, cell in enumerate(layer.cell_of_each):
            cell.check_state(tuple(state[_state_name(i, kind, direction)] for kind in cell.state_widths), n_records)
        return tuple(torch.stack([state[name] for name in of_kind]) for of_kind in names)

    def _stages(self) -> Iterator[tuple[RecurrentLayer | MixedLayer, Sequence[Connection], nn.Module]]:
        """Yield each layer from the bottom up, with its connection and the dropout after it."""
        yield from zip(self.layers, self.connections, self.dropouts, strict=True)

    def _summary(self, hidden: Tensor, steps: Steps) -> Tensor:
        """Return the last states, (batch feature), from those of all steps (direction time batch hidden)."""
        has_all = steps.is_full and hidden.shape[1] > 0
        last = hidden[:, -1] if has_all else last_states(hidden, steps.lengths, before=0.0)
        dropped: Tensor = self.dropouts[-1](self.merge(last.transpose(0, 1)).unsqueeze(1))
        return dropped.squeeze(1)

    def _merged_width(self, width: int) -> int:
        return width * self.n_directions if self.merge_name in SIDE_BY_SIDE else width


def _state_name(i: int, kind: str, direction: int) -> str:
    return f"{i}.{kind}{('', '.backward')[direction]}"


def _check_directions(is_bidirectional: bool, *, reads_backwards: bool, has_backward_cell: bool) -> None:
    if reads_backwards and is_bidirectional:
        raise ConfigError("encoder.reads_backwards is true, but it has two directions; set encoder.is_bidirectional=false")
    if has_backward_cell and not is_bidirectional:
        raise ConfigError("encoder.backward_cell is given, but there is one direction; set encoder.is_bidirectional=true")


def _widths(width: int | Sequence[int], depth: int | None) -> list[int]:
    given = [width] if isinstance(width, int) else list(width)
    if not given or min(given) < 1:
        raise ConfigError(f"encoder.width is {width}; expected at least 1 unit, and one number for all layers or one a layer")
    if depth is not None and depth < 1:
        raise ConfigError(f"encoder.depth is {depth}; expected at least 1 layer")
    widths = given * depth if depth is not None and len(given) == 1 else given
    if depth is not None and len(widths) != depth:
        raise ConfigError(f"encoder.width is {width}, but encoder.depth is {depth}; give one width a layer, or depth=null")
    return widths


def _check(**choices: str) -> None:
    """Raise ConfigError for a value that its setting does not have."""
    known = {"connection": list(CONNECTIONS), "stacking": ["interleaved", "independent"], "initial_state": ["zero", "learned"]}
    for name, value in choices.items():
        if value not in known[name]:
            raise ConfigError(f"encoder.{name} is {value!r}; expected one of {', '.join(known[name])}")
