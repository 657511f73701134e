"""Forms of the LSTM, its tensors, and the tape of a run through a batch. Equations: lstm.py."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.functional.recurrence.activations import Activation


@final
@dataclass(frozen=True)
class LstmForm:
    """The form of an LSTM. Gate units are laid out i, f, g, o, with f only where it has its own weights."""

    n_blocks: int
    cells_per_block: int
    has_forget_gate: bool
    is_coupled: bool
    """f is 1 - i (Greff et al. 2017)."""
    gate: Activation
    candidate: Activation
    output: Activation
    epsilon: float
    """Added to a variance where something is normalised."""

    @property
    def has_forget_weights(self) -> bool:
        """Whether f is computed, not 1 and not 1 - i."""
        return self.has_forget_gate and not self.is_coupled

    @property
    def n_input_gates(self) -> int:
        """Gates before the candidate: i, or i and f."""
        return 2 if self.has_forget_weights else 1

    @property
    def width(self) -> int:
        """Number of cells."""
        return self.n_blocks * self.cells_per_block

    @property
    def gate_width(self) -> int:
        """Units of all gates and the candidate."""
        return sum(self.sizes)

    @property
    def sizes(self) -> list[int]:
        """Units of each gate and the candidate, in their order."""
        return [self.n_blocks] * self.n_input_gates + [self.width, self.n_blocks]

    def parts(self, gates: Float[Tensor, "*lead gate"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return views of the input gates (… gate block 1), the candidate (… block cell) and the output gate (… block 1)."""
        n = self.n_input_gates * self.n_blocks
        inputs = torch.unflatten(gates[..., :n], -1, (self.n_input_gates, self.n_blocks, 1))
        candidate = self.cells(gates[..., n : n + self.width])
        return inputs, candidate, torch.unflatten(gates[..., n + self.width :], -1, (self.n_blocks, 1))

    def cells(self, values: Float[Tensor, "*lead cell"]) -> Tensor:
        """Return `values` with a block's cells on an axis of their own."""
        return torch.unflatten(values, -1, (self.n_blocks, self.cells_per_block))

    def peepholes(self, weights: Float[Tensor, "direction peephole cell"] | None) -> tuple[Tensor | None, Tensor | None]:
        """Return views of `weights`: for the input gates, (direction 1 gate block cell), and for the output gate."""
        if weights is None:
            return None, None
        by_cell = self.cells(weights).unsqueeze(1)
        return by_cell[:, :, :-1], by_cell[:, :, -1]


@final
@dataclass(frozen=True)
class LstmWeights:
    """The tensors of the recurrence, for each direction; None = without."""

    recurrent: Float[Tensor, "direction gate hidden"]
    peepholes: Float[Tensor, "direction peephole cell"] | None = None
    """Rows i, (f,) o."""
    projection: Float[Tensor, "direction hidden cell"] | None = None
    gain: Float[Tensor, "direction gate"] | None = None
    """Of the normalised W h; present together with all below."""
    input_gain: Float[Tensor, "direction gate"] | None = None
    """Of the normalised inputs, and `bias`, added to them."""
    bias: Float[Tensor, "direction gate"] | None = None
    cell_gain: Float[Tensor, "direction cell"] | None = None
    cell_bias: Float[Tensor, "direction cell"] | None = None


@final
@dataclass(frozen=True)
class LstmTape:
    """What the forward pass keeps for the backward pass; states have one more step, the initial one."""

    gates: Tensor
    hidden: Tensor
    read: Tensor
    """h as W reads it."""
    cell: Tensor
    fresh: Tensor
    """c before zoneout."""
    squashed: Tensor
    """b(c)"""
    normal: Tensor | None = None
    """W h, normalised; `scale` is the factor, (direction time batch)."""
    scale: Tensor | None = None
    normal_input: Tensor | None = None
    """The inputs, normalised."""
    input_scale: Tensor | None = None
    normal_cell: Tensor | None = None
    """c, normalised."""
    cell_scale: Tensor | None = None


@final
@dataclass(frozen=True)
class LstmGradients:
    """Buffers for the gradients of all steps; None where the form has no such part."""

    gates: Tensor
    products: Tensor
    """Of W h: `gates` itself where nothing is normalised."""
    inputs: Tensor
    """Of the inputs; may be `gates` itself, written last."""
    emitted: Tensor | None
    """Of P (o b(c))."""
