"""Ways to make one vector a step of what two directions say about it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seqlab.errors import ConfigError


def _concat(directions: Sequence[Tensor]) -> Tensor:
    return directions[0] if len(directions) == 1 else torch.cat(list(directions), dim=-1)


MERGES: dict[str, Callable[[Sequence[Tensor]], Tensor]] = {
    "concat": _concat,
    "sum": sum,  # type: ignore[dict-item]
    "mul": lambda directions: torch.stack(list(directions)).prod(0),
    "mean": lambda directions: torch.stack(list(directions)).mean(0),
    "max": lambda directions: torch.stack(list(directions)).amax(0),
    # Side by side like concat, but told apart: `Steps.directions` hands a head each by itself.
    "none": _concat,
}
"""Merges by name: of tensors (… feature), one a direction."""

SIDE_BY_SIDE = ("concat", "none")
"""Merges that keep the features of each direction."""


def get_merge(name: str) -> Callable[[Sequence[Tensor]], Tensor]:
    """Return the merge called `name`.

    Raises: ConfigError when there is none.
    """
    if name not in MERGES:
        raise ConfigError(f"encoder.merge is {name!r}; expected one of {', '.join(MERGES)}")
    return MERGES[name]
