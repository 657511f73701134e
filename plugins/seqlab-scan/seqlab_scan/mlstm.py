"""The LSTM with a matrix memory, of the xLSTM."""

import math
from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.encoders.cells import Cell, State
from seqlab.encoders.cells.base import projected, stacked
from seqlab.errors import ConfigError
from seqlab.functional.padding import last_states
from seqlab.functional.recurrence.noise import Noise
from seqlab_scan.heads import check_forget_gate, in_float32, log_forget, number_of_heads
from seqlab_scan.matrix_memory import CLOSED, Memory, read_out, scan_matrix, with_weight


@final
class MlstmCell(Cell):
    """Stores values v under keys k in a matrix, and reads it by queries q: C_t = f C_{t-1} + i k v^T, n_t = f n_{t-1} + i k,
    h_t = o C_t^T q / max(|n_t q|, 1), with i = exp(…) and f = sigmoid(…) or exp(…) of each head (Beck et al. 2024, §2.3).

    Parameters are laid out (q, k, v, o, i, f), the last two with one row for each head. No gate sees h_{t-1}, so the steps of a
    chunk run at once; `matrix_memory.py` has the equations. C and n are kept divided by exp(m), the state `stabiliser`.

    Args:
        input_width: Features of a step that it reads.
        width: Features of h.
        n_heads: Memories side by side, a divisor of `width`; each has (width / n_heads)^2 numbers a record. None: the largest
            divisor up to 5.
        forget_gate: `sigmoid` or `exponential`.
        is_normalised: Whether h is normalised in each head before o, as in the authors' blocks (figure 11).
        input_init: How each block of `weight_ih` starts: `glorot`, `he`, `orthogonal`, `identity`, `small`, `uniform`,
            `zeros` or `ones`.
        forget_bias: Initial bias of f.
        chunk_steps: Steps that run at once; it changes speed and memory, but no result.
    """

    unlearned_states = ("hidden", "stabiliser")  # a scale of the other two adds nothing that could be learned

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        n_heads: int | None = None,
        forget_gate: str = "sigmoid",
        is_normalised: bool = True,
        input_init: str = "glorot",
        forget_bias: float = 3.0,
        chunk_steps: int = 32,
    ) -> None:
        super().__init__(input_width, width, recurrent_drop_prob=0.0, hidden_zone_prob=0.0)
        if chunk_steps < 1:
            raise ConfigError(f"encoder.cell.chunk_steps is {chunk_steps}; expected at least 1 step")
        self.n_heads = n_heads = number_of_heads(n_heads, width=width)
        if is_normalised and width == n_heads:
            raise ConfigError(
                f"encoder.cell.is_normalised is true, but a head has one unit, which would always be 0; "
                f"set encoder.cell.n_heads below {n_heads}, or encoder.cell.is_normalised=false"
            )
        self.forget_gate, self.chunk_steps = check_forget_gate(forget_gate), chunk_steps
        self.head_width = width // n_heads
        self.state_widths = {"hidden": width, "memory": width * self.head_width, "normaliser": width, "stabiliser": n_heads}
        self.weight_ih = nn.Parameter(torch.empty(4 * width + 2 * n_heads, input_width))
        self.bias_ih = nn.Parameter(torch.empty(4 * width + 2 * n_heads))
        self.gain = nn.Parameter(torch.empty(width)) if is_normalised else None
        self.initialise_(input_init=input_init, recurrent_init="zeros")
        nn.init.constant_(self.bias_ih.detach()[-n_heads:], forget_bias)

    def blocks(self, parameter: Tensor) -> Sequence[Tensor]:
        """Return the parts of q, k, v, o, i and f."""
        sizes = [self.width] * 4 + [self.n_heads] * 2
        return parameter.split(sizes) if len(parameter) == sum(sizes) else [parameter]

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return h_t, C_t, n_t and m_t, and the gates `input` and `forget` of each head, divided by exp(m), and `output`."""
        parts = _project([self], inputs[None, None])
        query, key, value, output, log_input, log_keep = (part[0, 0] for part in parts)
        matrix, scale = self._memory(state)
        fresh = torch.maximum(log_keep + scale, log_input)
        forget, enter = torch.exp(log_keep + scale - fresh), torch.exp(log_input - fresh)
        entered = key.unsqueeze(-1) * with_weight(value).unsqueeze(-2)
        matrix = forget[..., None, None] * matrix + enter[..., None, None] * entered
        hidden = read_out((query.unsqueeze(-2) @ matrix).squeeze(-2), fresh)
        states = self._emitted(hidden, output), *self._states(Memory(matrix, fresh))
        return states, {"input": enter, "forget": forget, "output": torch.sigmoid(output)}

    @classmethod
    def scan(cls, cells: Sequence["MlstmCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return each state of every step. The matrices of all steps take much memory: encoders call `run`."""
        hidden, memory = _read(cells, inputs, state, lengths=None, chunk_steps=1)
        after = cells[0]._states(Memory(memory.matrix[1:], memory.log_scale[1:]))
        return [hidden, *(part.movedim(0, 1) for part in after)]

    @classmethod
    def run(
        cls,
        cells: Sequence["MlstmCell"],
        inputs: Float[Tensor, "direction time batch feature"],
        state: State,
        *,
        lengths: Int[Tensor, " batch"] | None,
    ) -> tuple[Float[Tensor, "direction time batch hidden"], State]:
        """Return the hidden states, and each state after the last real step of each record."""
        hidden, memory = _read(cells, inputs, state, lengths=lengths, chunk_steps=cells[0].chunk_steps)
        if lengths is None:
            return hidden, ()
        last = last_states(hidden, lengths, before=state[0])
        return hidden, (last, *cells[0]._states(Memory(memory.matrix[-1], memory.log_scale[-1])))

    def _memory(self, state: State) -> Memory:
        """Return C with n as its last column, and m, of each head: (… head key value) and (… head)."""
        matrix = state[1].unflatten(-1, (self.n_heads, self.head_width, self.head_width))
        weight = state[2].unflatten(-1, (self.n_heads, self.head_width, 1))
        return Memory(in_float32(torch.cat([matrix, weight], -1)), in_float32(state[3]))

    def _states(self, memory: Memory) -> State:
        """Return the states `memory`, `normaliser` and `stabiliser`."""
        matrix = memory.matrix.to(self.dtype)
        return matrix[..., :-1].flatten(-3), matrix[..., -1].flatten(-2), memory.log_scale.to(self.dtype)

    def _emitted(self, hidden: Float[Tensor, "*lead head unit"], output: Tensor) -> Tensor:
        """Return h of what the heads read and of o's product."""
        if self.gain is not None:
            gain = self.gain.unflatten(0, (self.n_heads, self.head_width))
            hidden = nn.functional.layer_norm(hidden, hidden.shape[-1:]) * gain
        return torch.sigmoid(output) * hidden.flatten(-2).to(output.dtype)


def _read(
    cells: Sequence[MlstmCell], inputs: Tensor, state: State, *, lengths: Tensor | None, chunk_steps: int
) -> tuple[Tensor, Memory]:
    """Return h of every step, and the memory before the first chunk and after each, (chunk+1 direction batch head …).

    With `lengths`, the steps beyond them leave the memory as it is.
    """
    *parts, output, log_input, log_keep = _project(cells, inputs)
    if lengths is not None:
        is_padding = (torch.arange(inputs.shape[1], device=inputs.device)[:, None] >= lengths).unsqueeze(-1)
        log_input, log_keep = log_input.masked_fill(is_padding, CLOSED), log_keep.masked_fill(is_padding, 0.0)
    first = cells[0]._memory(state)
    lead = first.log_scale.shape
    sequences = [part.permute(0, 2, 3, 1, *range(4, part.dim())).flatten(0, 2) for part in (*parts, log_input, log_keep)]
    start = Memory(first.matrix.flatten(0, 2), first.log_scale.flatten())
    # Autocast would run the products in half precision.
    with torch.autocast(inputs.device.type, enabled=False):
        hidden, memory = scan_matrix(*sequences, first=start, chunk_steps=chunk_steps)
    read = hidden.unflatten(0, lead).permute(0, 3, 1, 2, 4)
    emitted = [cell._emitted(*one) for cell, *one in zip(cells, read, output, strict=True)]
    return torch.stack(emitted), Memory(*(part.unflatten(0, lead).movedim(3, 0) for part in memory))


def _project(cells: Sequence[MlstmCell], inputs: Float[Tensor, "direction time batch feature"]) -> list[Tensor]:
    """Return q, k and v, (direction time batch head unit), o's product, and the logarithms of i and f, (… head)."""
    cell = cells[0]
    weight, bias = stacked(cells, "weight_ih"), stacked(cells, "bias_ih")
    wide = 4 * cell.width
    values = projected(inputs, weight[:, :wide], bias[:, :wide])
    # Exponentials magnify what half precision rounds off, so these run in float32 under autocast, too.
    with torch.autocast(inputs.device.type, enabled=False):
        log_input, forget = in_float32(projected(inputs, weight[:, wide:], bias[:, wide:])).chunk(2, -1)
    *parts, output = values.split(cell.width, -1)
    query, key, value = (in_float32(part.unflatten(-1, (cell.n_heads, cell.head_width))) for part in parts)
    return [query, key / math.sqrt(cell.head_width), value, output, log_input, log_forget(forget, kind=cell.forget_gate)]
