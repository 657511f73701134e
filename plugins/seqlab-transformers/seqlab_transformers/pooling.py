"""Pool the vectors of a word's subwords into one."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.errors import ConfigError

Pooling: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""A function from the subword vectors of consecutive words and the number of subwords per word to one vector per word."""


def first(vectors: Float[Tensor, "piece feature"], counts: Int[Tensor, " word"]) -> Float[Tensor, "word feature"]:
    """Return the vector of each word's first subword."""
    return vectors[counts.cumsum(0) - counts]


def last(vectors: Float[Tensor, "piece feature"], counts: Int[Tensor, " word"]) -> Float[Tensor, "word feature"]:
    """Return the vector of each word's last subword."""
    return vectors[counts.cumsum(0) - 1]


def mean(vectors: Float[Tensor, "piece feature"], counts: Int[Tensor, " word"]) -> Float[Tensor, "word feature"]:
    """Return the mean of the vectors of each word's subwords, computed in float32 or better."""
    precise = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
    return torch.segment_reduce(precise, "mean", lengths=counts)


_POOLINGS: dict[str, Pooling] = {"first": first, "mean": mean, "last": last}


def get_pooling(name: str) -> Pooling:
    """Return the pooling called `name`.

    Raises: ConfigError for an unknown name.
    """
    if name not in _POOLINGS:
        raise ConfigError(f"pooling is {name!r}; expected one of {', '.join(_POOLINGS)}")
    return _POOLINGS[name]
