"""What the cells of the xLSTM share: heads, and gates that may be exponentials (Beck et al. 2024)."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from seqlab.errors import ConfigError

MOST_HEADS, LEAST_UNITS = 5, 8


def number_of_heads(n_heads: int | None, *, width: int) -> int:
    """Return `n_heads`; None: the largest divisor of the width up to 5 that leaves each head eight units or more, else 1.

    Heads are normalised one by one, which would make signs of the outputs of a head of two units.

    Raises: ConfigError where they do not divide the width.
    """
    if n_heads is None:
        return next((n for n in range(MOST_HEADS, 1, -1) if width % n == 0 and width >= LEAST_UNITS * n), 1)
    if n_heads < 1 or width % n_heads:
        raise ConfigError(f"encoder.cell.n_heads is {n_heads}; expected a divisor of encoder.width, {width}")
    return n_heads


def check_forget_gate(kind: str) -> str:
    """Return `kind`.

    Raises: ConfigError where there is no forget gate of that kind.
    """
    if kind not in ("sigmoid", "exponential"):
        raise ConfigError(f"encoder.cell.forget_gate is {kind!r}; expected sigmoid or exponential")
    return kind


def log_forget(products: Tensor, *, kind: str) -> Tensor:
    """Return the logarithm of f."""
    return logsigmoid(products) if kind == "sigmoid" else products


def in_float32(values: Tensor) -> Tensor:
    """Return the values in float32 at least."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
