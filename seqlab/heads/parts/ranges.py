"""Ranges of the numbers that heads take, checked where they are taken."""

import math

from seqlab.errors import ConfigError


def check_at_least(value: float, least: float, *, path: str) -> None:
    """Raise ConfigError where the number at `path` of the config is below `least`, infinite, or not a number."""
    if not least <= value < math.inf:
        raise ConfigError(f"{path} is {value}; expected a number, at least {least:g}")


def check_share(value: float, *, path: str) -> None:
    """Raise ConfigError where the number at `path` of the config is no share, from 0 to below 1."""
    if not 0 <= value < 1:
        raise ConfigError(f"{path} is {value}; expected a share at least 0 and below 1")


def check_probability(value: float, *, path: str) -> None:
    """Raise ConfigError where the number at `path` of the config is not from 0 to 1."""
    if not 0 <= value <= 1:
        raise ConfigError(f"{path} is {value}; expected a probability, from 0 to 1")


def check_finite(value: float, *, path: str) -> None:
    """Raise ConfigError where the number at `path` of the config is infinite, or not a number."""
    if not math.isfinite(value):
        raise ConfigError(f"{path} is {value}; expected a finite number")
