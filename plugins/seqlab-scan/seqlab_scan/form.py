"""The recurrence of all cells here: every unit keeps a share of its state and takes in a share of a candidate.

    c_t = k_t c_{t-1} + e_t g_t        g_t = a(x_t)

Cells differ in how gates make the shares k and e, and in their output h:

    forget      k = f, e = 1 - f                    state       h = c
    update      k = 1 - z, e = z                    gated       h = o b(c)
    input       k = f, e = i                        highway     h = o b(c) + (1 - o) s x
    normalised  k = f / (f + i), e = i / (f + i)

Gates are sigmoids of projected inputs: x of the candidate, then those of f or z, of i and of o, in this order. Peepholes, two
rows, add v c_{t-1} to f's and to o's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from seqlab.errors import ConfigError

MIXES = ("forget", "update", "input", "normalised")
OUTPUTS = ("state", "gated", "highway")


def positive(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return x + 1/2 where x >= 0, else sigmoid(x): the g of Feng et al. 2024, appendix B, never 0 or less."""
    return torch.where(values >= 0, values + 0.5, torch.sigmoid(values))


def log_positive(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the logarithm of `positive`, which is finite even where that is 0 in float32."""
    # The clamp keeps the branch that is not taken from log of a negative number, whose NaN would reach the gradient.
    return torch.where(values >= 0, (values.clamp(min=0) + 0.5).log(), logsigmoid(values))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "identity": lambda values: values,
    "positive": positive,
}
"""Functions of candidates and of states, by name."""


class Blocks(NamedTuple):
    """The projected inputs of one or more steps, split."""

    candidate: Tensor
    gates: Sequence[Tensor]
    """Of f or z, and of i where there is one."""
    output: Tensor | None
    skip: Tensor | None
    """The input of the highway, where it is projected."""


@final
@dataclass(frozen=True)
class GatedForm:
    """A kind of cell: how gates make the shares, the functions a and b, and the output."""

    width: int
    mix: str
    candidate: str
    output: str
    output_activation: str = "identity"
    skip_scale: float = 1.0

    @property
    def n_blocks(self) -> int:
        """Number of candidates and gates."""
        return 2 + (self.mix in ("input", "normalised")) + (self.output != "state")

    def split(self, products: Float[Tensor, "*lead gate"]) -> Blocks:
        """Return the products of candidate, gates and, where it is among them, the highway's input."""
        candidate, *rest = products.split(self.width, -1)
        skip = rest.pop() if len(rest) == self.n_blocks else None
        output = rest.pop() if self.output != "state" else None
        return Blocks(candidate, rest, output, skip)

    def logits(self, gates: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the logits of the shares that are kept and taken in."""
        if self.mix == "normalised":  # f / (f + i) = sigmoid(log f - log i), where f + i may be 0 in float32
            ratio = logsigmoid(gates[0]) - logsigmoid(gates[1])
            return ratio, -ratio
        if self.mix == "input":
            return gates[0], gates[1]
        return (gates[0], -gates[0]) if self.mix == "forget" else (-gates[0], gates[0])

    def emitted(self, state: Tensor, *, output: Tensor | None, skip: Tensor | None) -> Tensor:
        """Return h from c; `output` is the gate's logit."""
        if output is None:
            return state
        gate, value = torch.sigmoid(output), ACTIVATIONS[self.output_activation](state)
        return gate * value if skip is None else gate * value + (1 - gate) * self.skip_scale * skip

    def step(
        self,
        products: Float[Tensor, "*lead gate"],
        state: Float[Tensor, "*lead unit"],
        *,
        skip: Float[Tensor, "*lead unit"] | None,
        peepholes: tuple[Tensor, Tensor] | None,
        zone: Tensor | float | None,
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return h_t, c_t, and the gates by name with the candidate."""
        candidate, gates, output, own_skip = self.split(products)
        if peepholes is not None and output is not None:
            gates, output = [gates[0] + peepholes[0] * state], output + peepholes[1] * state
        keep, enter = map(torch.sigmoid, self.logits(gates))
        candidate = ACTIVATIONS[self.candidate](candidate)
        fresh = keep * state + enter * candidate
        mixed = fresh if zone is None else fresh + zone * (state - fresh)
        emitted = self.emitted(mixed, output=output, skip=own_skip if skip is None else skip)
        named = {"update": enter} if self.mix == "update" else {"forget": keep}
        named |= {"input": enter} if len(gates) > 1 else {}
        named |= {} if output is None else {"output": torch.sigmoid(output)}
        return emitted, mixed, {**named, "candidate": candidate}


def check_activation(name: str, value: str) -> str:
    """Return `value`.

    Raises: ConfigError where there is no activation of that name.
    """
    if value not in ACTIVATIONS:
        raise ConfigError(f"encoder.cell.{name} is {value!r}; expected one of {', '.join(ACTIVATIONS)}")
    return value
