"""Checks of the options that overrides choose, before Hydra composes them."""

import json
from collections.abc import Sequence

from hydra.core.override_parser.types import Override

from seqlab.config.compose import names_in, options_of
from seqlab.errors import ConfigError

SIDE_BY_SIDE = ("head", "embedding")
"""Groups whose options are used together, each under names of its own."""


def check_choices(override: Override, choices: Sequence[object]) -> None:
    """Check the options that an override chooses; in a sweep, those of each choice.

    Raises: ConfigError for values that cannot name an option (null, true, numbers), and for options that share a name.
    """
    # Groups have no dots, so this is a single setting.
    if "." in override.key_or_group:
        return
    for choice in choices:
        names = choice if isinstance(choice, list) else [choice]
        _check_names(override, [name for name in names if not isinstance(name, str | dict)])
        if override.key_or_group in SIDE_BY_SIDE and names is choice:
            _check_distinct(override, names)


def _check_names(override: Override, wrong: Sequence[object]) -> None:
    # Only where something is wrong: to list the options is to search folders.
    options = options_of(override.key_or_group) if wrong else []
    if options:
        group = override.key_or_group
        none = f" ({group}=identity is for none)" if "identity" in options else ""
        unknown = f"{_typed(override)}: {json.dumps(wrong[0])} is no name of an option"
        raise ConfigError(f"{unknown}; {group} has {', '.join(options)}{none}")


def _check_distinct(override: Override, options: Sequence[object]) -> None:
    owners: dict[str, object] = {}
    for option in options:
        for name in names_in(override.key_or_group, str(option)):
            if name in owners:
                # Otherwise the last one would replace the others in silence.
                both = f"{owners[name]} and {option} are both named {name}, so only one can be there"
                raise ConfigError(f"{_typed(override)}: {both}; choose one, or rename the other in a config file of your own")
            owners[name] = option


def _typed(override: Override) -> str:
    return f"{override.key_or_group}={str(override.input_line).partition('=')[2]}"
