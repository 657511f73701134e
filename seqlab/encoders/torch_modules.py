"""`LSTM`, `GRU` and `RNN` with the signature, parameters and results of `torch.nn`, over seqlab's cells.

They exchange `state_dict`s with the modules of torch, and a seed gives them the same weights. Beyond torch, they take the
`lengths` of padded sequences, and the options of seqlab's cells.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast, final

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqlab.encoders.cells import Cell, GruCell, LstmCell, RnnCell, State
from seqlab.encoders.layer import RecurrentLayer
from seqlab.encoders.torch_names import find_place, name_as_ours, name_as_torch
from seqlab.errors import ConfigError
from seqlab.functional.padding import Lengths, ReadingOrder, checked_lengths


class _Recurrent(nn.Module):
    """Base class of stacked layers that are called and named as those of `torch.nn`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        cell: Callable[..., Cell],
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ConfigError(f"num_layers is {num_layers}; expected at least 1")
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout is {dropout}; expected a probability at least 0 and below 1")
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, dropout, bidirectional
        n_directions, width = 1 + bidirectional, input_size
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            cells = [
                cell(width, hidden_size, has_bias=bias, input_init="zeros", recurrent_init="zeros") for _ in range(n_directions)
            ]
            self.layers.append(RecurrentLayer(cells, learns_state=False, bptt_steps=None))
            width = n_directions * cells[0].width
        # torch states no types for these two
        self.register_state_dict_post_hook(name_as_torch)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(name_as_ours)  # type: ignore[no-untyped-call]
        self.to(device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters as torch does: uniform, up to 1 / sqrt(hidden_size), in the same order."""
        bound = self.hidden_size**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing; torch's modules have a method of this name, which is for cuDNN."""

    def extra_repr(self) -> str:
        """Return the sizes, for printing the module."""
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, bidirectional={self.bidirectional}"

    def __getattr__(self, name: str) -> Any:
        """Return a parameter by its name in torch, such as `weight_ih_l0_reverse`, or an attribute of any module."""
        if "layers" in self.__dict__.get("_modules", {}):
            place = find_place(name, n_layers=self.num_layers, n_directions=1 + self.bidirectional)
            if place is not None:
                layer, direction, kind = place
                return getattr(list(self._each_layer())[layer].cells[direction], kind)
        return super().__getattr__(name)

    def _run(
        self, values: Tensor | PackedSequence, given: State | None, lengths: Lengths
    ) -> tuple[Tensor | PackedSequence, State]:
        """Return what torch does, each state as (layer and direction, batch, unit)."""
        if isinstance(values, PackedSequence):
            return self._run_packed(values, given, lengths)
        if values.dim() == 2:
            given = None if given is None else tuple(part.unsqueeze(1) for part in given)
            output, last = self._run_batch(values.unsqueeze(0), given, lengths)
            return output.squeeze(0), tuple(part.squeeze(1) for part in last)
        if values.dim() != 3:
            raise ConfigError(f"the input has {values.dim()} axes; expected batch, time and feature, or time and feature")
        output, last = self._run_batch(values if self.batch_first else values.transpose(0, 1), given, lengths)
        return output if self.batch_first else output.transpose(0, 1), last

    def _run_packed(self, packed: PackedSequence, given: State | None, lengths: Lengths) -> tuple[PackedSequence, State]:
        """Run the sequences in their sorted order, from the longest."""
        if lengths is not None:
            raise ConfigError("lengths is given with a PackedSequence, which has its own; leave it out")
        data, sizes, order, back = packed
        values, lengths = pad_packed_sequence(PackedSequence(data, sizes), batch_first=True)
        first = given if given is None or order is None else tuple(part.index_select(1, order) for part in given)
        output, last = self._run_batch(values, first, lengths.to(data.device))
        made = pack_padded_sequence(output, lengths, batch_first=True)
        last = last if back is None else tuple(part.index_select(1, back) for part in last)
        return PackedSequence(made.data, sizes, order, back), last

    def _run_batch(self, values: Tensor, given: State | None, lengths: Lengths) -> tuple[Tensor, State]:
        """Return the top layer's output, zero where there is padding, and the last states, (layer and direction) first."""
        n_records, n_steps, _ = values.shape
        lengths, is_full = checked_lengths(lengths, (n_records, n_steps), values.device)
        n_directions, last = 1 + self.bidirectional, []
        order = ReadingOrder(lengths, n_steps, n_directions, is_full)
        for i, layer in enumerate(self._each_layer()):
            state = None
            if given is not None:
                self._check_state(given, layer.cell_of_each[0], n_records)
                state = tuple(part[i * n_directions : (i + 1) * n_directions] for part in given)
            hidden, after = layer(order.read([values]), lengths=lengths, state=state, keeps_states=True, is_full=is_full)
            last.append(after)
            values = order.write(hidden).flatten(2)
            if self.dropout and i < self.num_layers - 1:
                values = nn.functional.dropout(values, self.dropout, self.training)
        if not is_full:
            is_padding = torch.arange(n_steps, device=values.device) >= lengths[:, None]
            values = values.masked_fill(is_padding.unsqueeze(2), 0.0)
        return values, tuple(torch.cat(parts) for parts in zip(*last, strict=True))

    def _each_layer(self) -> Iterator[RecurrentLayer]:
        yield from cast(Iterator[RecurrentLayer], iter(self.layers))

    def _check_state(self, given: State, cell: Cell, n_records: int) -> None:
        if len(given) != len(cell.state_widths):
            raise ConfigError(f"hx has {len(given)} initial states; expected {', '.join(cell.state_widths)}")
        n_rows = self.num_layers * (1 + self.bidirectional)
        for part, (name, width) in zip(given, cell.state_widths.items(), strict=True):
            if part.shape != (n_rows, n_records, width):
                expected = f"({n_rows}, {n_records}, {width}): layers times directions, records, features"
                raise ConfigError(f"the initial state {name} has the shape {tuple(part.shape)}; expected {expected}")


@final
class LSTM(_Recurrent):
    """`torch.nn.LSTM` over `LstmCell`: the same signature, parameters and results.

    Args:
        input_size: Features of a step of the input.
        hidden_size: Cells of each direction of each layer.
        num_layers: Number of layers.
        bias: Whether the gates have biases.
        batch_first: Whether input and output are (batch, time, feature) instead of (time, batch, feature).
        dropout: Probability of dropout between layers.
        bidirectional: Whether a second direction reads each sequence from its last step back.
        proj_size: Width of h as a linear map of the output; 0: no projection.
        device: Device of the parameters.
        dtype: Type of the parameters.
        cell: More options of `LstmCell`, such as `has_peepholes=True`.

    Example:
        >>> output, (hidden, cell) = LSTM(10, 20, batch_first=True)(torch.zeros(3, 5, 10), lengths=torch.tensor([5, 2, 1]))
        >>> output.shape, hidden.shape
        (torch.Size([3, 5, 20]), torch.Size([1, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        **cell: Any,
    ) -> None:
        if proj_size and not 0 < proj_size < hidden_size:
            raise ConfigError(f"proj_size is {proj_size}; expected 0 (none) to below hidden_size, {hidden_size}")

        make = partial(LstmCell, projection_width=proj_size or None, forget_bias=0.0, **cell)

        super().__init__(input_size, hidden_size, num_layers, make, bias, batch_first, dropout, bidirectional, device, dtype)
        self.proj_size = proj_size

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: State | None = None,
        *,
        lengths: Lengths = None,
    ) -> tuple[Tensor | PackedSequence, tuple[Tensor, Tensor]]:
        """Return `(output, (h_n, c_n))` in the shapes of torch; the output is 0 at padding.

        Args:
            input: (time, batch, feature), (batch, time, feature) with `batch_first`, (time, feature), or packed.
            hx: Initial h and c, (num_layers * num_directions, batch, unit) each; None: zero.
            lengths: Steps of each sequence, at least 0; None: no step is padding.

        Raises:
            ConfigError: a width, a state's shape or a length does not fit.
        """
        output, (hidden, cell) = self._run(input, hx, lengths)
        return output, (hidden, cell)


class _WithOneState(_Recurrent):
    """Base class of modules whose only state is h."""

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | None = None,
        *,
        lengths: Lengths = None,
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        """Return `(output, h_n)` in the shapes of torch; arguments and errors are those of `LSTM`."""
        output, (hidden,) = self._run(input, None if hx is None else (hx,), lengths)
        return output, hidden


@final
class GRU(_WithOneState):
    """`torch.nn.GRU` over `GruCell`: the same signature, parameters and results.

    Args:
        input_size: Features of a step of the input.
        hidden_size: Units of each direction of each layer.
        num_layers: Number of layers.
        bias: Whether the gates have biases.
        batch_first: Whether input and output are (batch, time, feature) instead of (time, batch, feature).
        dropout: Probability of dropout between layers.
        bidirectional: Whether a second direction reads each sequence from its last step back.
        device: Device of the parameters.
        dtype: Type of the parameters.
        cell: More options of `GruCell`, such as `reset_placement="before"`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **cell: Any,
    ) -> None:
        make = partial(GruCell, **cell)

        super().__init__(input_size, hidden_size, num_layers, make, bias, batch_first, dropout, bidirectional, device, dtype)


@final
class RNN(_WithOneState):
    """`torch.nn.RNN` over `RnnCell`: the same signature, parameters and results.

    Args:
        input_size: Features of a step of the input.
        hidden_size: Units of each direction of each layer.
        num_layers: Number of layers.
        nonlinearity: `tanh` or `relu`; also `sigmoid` and `identity`.
        bias: Whether the cells have biases.
        batch_first: Whether input and output are (batch, time, feature) instead of (time, batch, feature).
        dropout: Probability of dropout between layers.
        bidirectional: Whether a second direction reads each sequence from its last step back.
        device: Device of the parameters.
        dtype: Type of the parameters.
        cell: More options of `RnnCell`, such as `hidden_zone_prob=0.1`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **cell: Any,
    ) -> None:
        make = partial(RnnCell, activation=nonlinearity, **cell)

        super().__init__(input_size, hidden_size, num_layers, make, bias, batch_first, dropout, bidirectional, device, dtype)
        self.nonlinearity = nonlinearity
