"""Squashing functions whose derivative is a function of their value, so that a backward pass needs no inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.errors import ConfigError


@final
@dataclass(frozen=True)
class Activation:
    """An elementwise function, and its derivative as a function of its value."""

    name: str
    function: Callable[[Tensor], Tensor]
    write: Callable[[Tensor, Tensor], object]
    """Writes the function of the first tensor into the second, which may be the same."""
    slope: Callable[[Tensor], Tensor]

    def __call__(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return the function of `values`, differentiable by autograd."""
        return self.function(values)

    def __reduce__(self) -> tuple[Callable[[str], "Activation"], tuple[str]]:
        """Pickle and copy it by its name: its functions have none."""
        return get_activation, (self.name,)


def _copy(values: Tensor, out: Tensor) -> None:
    # The loops write in place, where there is nothing to copy.
    if out is not values:
        out.copy_(values)


ACTIVATIONS = {
    "tanh": Activation("tanh", torch.tanh, lambda x, out: torch.tanh(x, out=out), lambda y: 1 - y * y),
    "sigmoid": Activation("sigmoid", torch.sigmoid, lambda x, out: torch.sigmoid(x, out=out), lambda y: y - y * y),
    "relu": Activation("relu", torch.relu, lambda x, out: torch.clamp_min(x, 0, out=out), lambda y: (y > 0).to(y.dtype)),
    "identity": Activation("identity", lambda x: x, _copy, torch.ones_like),
}
"""Activations by name."""


def get_activation(name: str) -> Activation:
    """Return the activation called `name`.

    Raises: ConfigError when there is none.
    """
    if name not in ACTIVATIONS:
        raise ConfigError(f"activation is {name!r}; expected one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
