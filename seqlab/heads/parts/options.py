"""Range checks for the options of heads. `build` puts the path of the head in front of the message."""

from seqlab.errors import ConfigError


def check_option(is_valid: bool, expected: str, **option: object) -> None:
    """Raise ConfigError, with the name and the value of the `option`, unless the value `is_valid`.

    Write ranges as comparisons that hold, such as ``0 <= value < math.inf``: NaN then fails them.
    """
    if not is_valid:
        ((name, value),) = option.items()
        raise ConfigError(f"{name} is {value!r}; expected {expected}")
