"""The LSTM with exponential gates and a normalised scalar memory, of the xLSTM."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.encoders.cells import Cell, State
from seqlab.encoders.cells.base import draw_noise, projected, stacked
from seqlab.functional.recurrence.noise import Noise
from seqlab_scan.heads import check_forget_gate, in_float32, number_of_heads
from seqlab_scan.scalar_memory import next_memory, scan_scalar


@final
class SlstmCell(Cell):
    """c_t = f c_{t-1} + i z, n_t = f n_{t-1} + i, h_t = o c_t / n_t, with i = exp(…) and f = sigmoid(…) or exp(…); gates and
    candidate z read h_{t-1} of their own head (Beck et al. 2024, §2.2).

    Parameters are laid out (i, f, z, o); a row of `weight_hh` reads the units of its head. The states are h, c / n (`cell`) and
    log n (`log_normaliser`), which is -inf before anything is read; a learned one starts from 0. `scalar_memory.py` has the
    equations.

    Args:
        input_width: Features of a step that it reads.
        width: Features of h.
        n_heads: Groups of units that read each other, a divisor of `width`. None: the largest divisor up to 5.
        forget_gate: `sigmoid` or `exponential`.
        input_init: How each gate's block of `weight_ih` starts: `glorot`, `he`, `orthogonal`, `identity`, `small`, `uniform`,
            `zeros` or `ones`.
        recurrent_init: The same for each head's block of `weight_hh`.
        forget_bias: Initial bias of f.
        recurrent_drop_prob: Probability to drop a unit of h_{t-1} before it is read, by one mask a record.
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        n_heads: int | None = None,
        forget_gate: str = "sigmoid",
        input_init: str = "glorot",
        recurrent_init: str = "orthogonal",
        forget_bias: float = 3.0,
        recurrent_drop_prob: float = 0.0,
    ) -> None:
        super().__init__(input_width, width, recurrent_drop_prob=recurrent_drop_prob, hidden_zone_prob=0.0)
        self.n_heads = n_heads = number_of_heads(n_heads, width=width)
        self.forget_gate = check_forget_gate(forget_gate)
        self.head_width = width // n_heads
        self.state_widths = {"hidden": width, "cell": width, "log_normaliser": width}
        self.weight_ih = nn.Parameter(torch.empty(4 * width, input_width))
        self.weight_hh = nn.Parameter(torch.empty(4 * width, self.head_width))
        self.bias_ih = nn.Parameter(torch.empty(4 * width))
        self.initialise_(input_init=input_init, recurrent_init=recurrent_init)
        nn.init.constant_(self.bias_ih.detach()[width : 2 * width], forget_bias)

    def blocks(self, parameter: Tensor) -> Sequence[Tensor]:
        """Return the parts of i, f, z and o; of `weight_hh`, those of each head."""
        return torch.split(parameter, self.head_width if parameter.shape == self.weight_hh.shape else self.width)

    def input_bias(self) -> Tensor:
        """Return the bias of the inputs' products; there is no other."""
        return self.bias_ih

    def zero_state(self, inputs: Float[Tensor, "*lead feature"]) -> State:
        """Return the states before anything is read: n is 0, so its logarithm is -inf."""
        hidden, cell, weight = super().zero_state(inputs)
        return hidden, cell, weight.fill_(-torch.inf)

    def step(self, inputs: Tensor, state: State, *, noise: Noise) -> tuple[State, dict[str, Tensor]]:
        """Return h_t, c_t / n_t and log n_t; `forget` and `input` are the shares of the old cell and of the `candidate`."""
        with torch.autocast(inputs.device.type, enabled=False):
            products = _project([self], inputs[None, None])[:, 0].unflatten(-1, (4, self.head_width))
            read = noise.read(state[0]).unflatten(-1, (self.n_heads, self.head_width))
            recurrent = self._matrices().unflatten(1, (4, self.head_width))
            products = products + torch.einsum("bhu,hgvu->hbgv", in_float32(read), in_float32(recurrent))
            *inner, output = products.permute(2, 1, 0, 3).flatten(2)
        share, cell, weight = next_memory(inner, in_float32(state[1]), in_float32(state[2]), forget_gate=self.forget_gate)
        gate = torch.sigmoid(output)
        gates = {"input": 1 - share, "forget": share, "output": gate, "candidate": torch.tanh(inner[2])}
        return tuple(part.to(self.dtype) for part in (gate * cell, cell, weight)), gates

    @classmethod
    def scan(cls, cells: Sequence["SlstmCell"], inputs: Tensor, state: State) -> list[Tensor]:
        """Return h, c / n and log n of every step."""
        cell, mask = cells[0], draw_noise(cells, inputs).recurrent
        recurrent = torch.cat([one._matrices() for one in cells])
        with torch.autocast(inputs.device.type, enabled=False):
            hidden, memory, weight = (cell._by_head(part) for part in state)
            runs = scan_scalar(
                _project(cells, inputs),
                hidden,
                memory,
                weight,
                in_float32(recurrent),
                mask=None if mask is None else cell._by_head(mask),
                forget_gate=cell.forget_gate,
            )
        by_direction = (run.unflatten(0, (len(cells), cell.n_heads)) for run in runs)
        return [run.permute(0, 2, 3, 1, 4).flatten(3).to(cell.dtype) for run in by_direction]

    def _by_head(self, state: Float[Tensor, "direction batch unit"]) -> Float[Tensor, "head batch part"]:
        """Return a state with each head's units apart."""
        return in_float32(state.unflatten(-1, (self.n_heads, self.head_width)).transpose(1, 2).flatten(0, 1))

    def _matrices(self) -> Float[Tensor, "head gate part"]:
        """Return R of each head."""
        return torch.unflatten(self.weight_hh, 0, (4, self.n_heads, self.head_width)).transpose(0, 1).flatten(1, 2)


def _project(
    cells: Sequence[SlstmCell], inputs: Float[Tensor, "direction time batch feature"]
) -> Float[Tensor, "head time batch gate"]:
    """Return the inputs' products with each head's units apart, in float32 at least: exponentials magnify rounding errors."""
    cell = cells[0]
    products = projected(inputs, stacked(cells, "weight_ih"), stacked(cells, "bias_ih"))
    apart = products.unflatten(-1, (4, cell.n_heads, cell.head_width)).permute(0, 4, 1, 2, 3, 5)
    return in_float32(apart.flatten(4).flatten(0, 1).contiguous())
