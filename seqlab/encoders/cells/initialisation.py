"""Ways to fill a weight matrix at the start, by name."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from seqlab.errors import ConfigError


def _uniform(weight: Tensor) -> None:
    bound = weight.shape[0] ** -0.5
    nn.init.uniform_(weight, -bound, bound)


INITIALISATIONS: dict[str, Callable[[Tensor], object]] = {
    "glorot": nn.init.xavier_uniform_,  # Glorot and Bengio 2010, eq. 16
    "he": partial(nn.init.kaiming_normal_, nonlinearity="relu"),  # He et al. 2015, eq. 10
    "orthogonal": nn.init.orthogonal_,  # Saxe et al. 2014
    "identity": nn.init.eye_,  # Le et al. 2015
    "small": partial(nn.init.normal_, std=0.001),  # normal with deviation 0.001: the input weights of Le et al. 2015
    "uniform": _uniform,  # within 1 / sqrt(units), as torch's layers
    "zeros": nn.init.zeros_,
    "ones": nn.init.ones_,
}
"""Initialisations by name."""


def initialise(block: Tensor, *, kind: str) -> None:
    """Fill `block` in the way called `kind`.

    Raises: ConfigError when there is none of that name.
    """
    if kind not in INITIALISATIONS:
        raise ConfigError(f"initialisation is {kind!r}; expected one of {', '.join(INITIALISATIONS)}")
    with torch.no_grad():
        INITIALISATIONS[kind](block)
