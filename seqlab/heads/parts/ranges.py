"""Range checks for the options of heads. `build` puts the path of the head in front of the message."""

import math

from seqlab.errors import ConfigError


def check_at_least(value: float, least: float, *, name: str) -> None:
    """Raise ConfigError where the option `name` is below `least`, infinite, or not a number."""
    if not least <= value < math.inf:
        raise ConfigError(f"{name} is {value}; expected a number, at least {least:g}")


def check_share(value: float, *, name: str) -> None:
    """Raise ConfigError where the option `name` is no share, from 0 to below 1."""
    if not 0 <= value < 1:
        raise ConfigError(f"{name} is {value}; expected a share at least 0 and below 1")


def check_probability(value: float, *, name: str) -> None:
    """Raise ConfigError where the option `name` is not from 0 to 1."""
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} is {value}; expected a probability, from 0 to 1")


def check_finite(value: float, *, name: str) -> None:
    """Raise ConfigError where the option `name` is infinite, or not a number."""
    if not math.isfinite(value):
        raise ConfigError(f"{name} is {value}; expected a finite number")


def check_count(value: int, *, name: str) -> None:
    """Raise ConfigError where the option `name` is below 1."""
    if value < 1:
        raise ConfigError(f"{name} is {value}; expected at least 1")
