"""Ways to merge the vectors of two directions into one for each step."""

from collections.abc import Callable

from torch import Tensor

from seqlab.errors import ConfigError

MERGES: dict[str, Callable[[Tensor], Tensor]] = {
    "concat": lambda directions: directions.flatten(-2),
    "sum": lambda directions: directions.sum(-2),
    "mul": lambda directions: directions.prod(-2),
    "mean": lambda directions: directions.mean(-2),
    "ave": lambda directions: directions.mean(-2),  # its name in Keras
    "max": lambda directions: directions.amax(-2),
    # Side by side like concat, but a head can take them apart by `Steps.directions`.
    "none": lambda directions: directions.flatten(-2),
}
"""Merges by name, of tensors (… direction feature)."""

SIDE_BY_SIDE = ("concat", "none")
"""Merges that keep the features of each direction."""


def get_merge(name: str) -> Callable[[Tensor], Tensor]:
    """Return the merge called `name`.

    Raises: ConfigError when there is none.
    """
    if name not in MERGES:
        raise ConfigError(f"encoder.merge is {name!r}; expected one of {', '.join(MERGES)}")
    return MERGES[name]
