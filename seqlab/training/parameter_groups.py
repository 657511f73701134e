"""Parameter groups with their own optimiser options, such as learning rate and weight decay."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from seqlab.errors import ConfigError, did_you_mean

PATTERNS = "parameters"
_NOT_NEGATIVE = ("lr", "weight_decay")


def parameter_groups(
    named: Iterable[tuple[str, nn.Parameter]], groups: Mapping[str, Any]
) -> list[nn.Parameter] | list[dict[str, Any]]:
    """Return the trainable parameters for an optimiser: first those without a group, then group by group.

    A group has `parameters`, which are patterns such as `encoder.*.weight_hh` for the names in `seqlab describe`, and options
    of the optimiser. A parameter belongs to the first group with a matching pattern.

    Raises: ConfigError for a group without patterns, or a pattern without matches.
    """
    trainable = {name: parameter for name, parameter in named if parameter.requires_grad}
    if not groups:
        return list(trainable.values())
    patterns = {name: _patterns(group, name=name) for name, group in groups.items()}
    rest: dict[str, nn.Parameter] = trainable
    found: list[dict[str, Any]] = []
    for group, own in patterns.items():
        for pattern in own:
            # Against all parameters, not the rest: a pattern whose matches an earlier group took is no typing mistake.
            if not any(fnmatchcase(name, pattern) for name in trainable):
                hint = did_you_mean(pattern, trainable, cutoff=0.3)
                raise ConfigError(f"parameter_groups.{group}.parameters: {pattern!r} matches no trainable parameter{hint}")
        members = [name for name in rest if any(fnmatchcase(name, pattern) for pattern in own)]
        if not members:
            taken = "earlier groups match all of its parameters; put it before them"
            raise ConfigError(f"parameter_groups.{group} has no parameters left: {taken}")
        options = {key: value for key, value in groups[group].items() if key != PATTERNS}
        found.append({"params": [trainable[name] for name in members], **options})
        rest = {name: parameter for name, parameter in rest.items() if name not in members}
    return [{"params": list(rest.values())}, *found] if rest else found


def check_options(groups: Mapping[str, Mapping[str, Any]], *, defaults: Mapping[str, Any], optimizer: str) -> None:
    """Raise ConfigError for group options with wrong values, or unknown to the optimiser, which would ignore them silently.

    `defaults` are the optimiser's own values.
    """
    for group, options in groups.items():
        for name, value in options.items():
            place = f"parameter_groups.{group}.{name}"
            if name == PATTERNS:
                continue
            if name not in defaults:
                raise ConfigError(f"{place} is not an option of {optimizer}; expected one of {', '.join(defaults)}")
            if not _is_like(value, defaults[name]):
                raise ConfigError(f"{place} is {value!r}; expected a value like {defaults[name]!r}, the optimiser's own")
            if name in _NOT_NEGATIVE and value < 0:
                raise ConfigError(f"{place} is {value!r}; expected at least 0")


def _is_like(value: object, default: object) -> bool:
    """Return whether a value has the type of an optimiser's default."""
    # None stands for a switch that is not set, as `fused` of Adam.
    if isinstance(default, bool) or default is None:
        return isinstance(value, bool | None)
    if isinstance(default, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple) and len(value) == len(default) and all(map(_is_like, value, default))
    return isinstance(value, type(default))


def _patterns(group: object, *, name: str) -> list[str]:
    patterns = group.get(PATTERNS) if isinstance(group, Mapping) else None
    found = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(found, list) or not found or not all(isinstance(pattern, str) for pattern in found):
        expected = "a mapping with `parameters`, a list of patterns such as encoder.*.weight_hh, and options such as lr"
        raise ConfigError(f"parameter_groups.{name} is {group!r}; expected {expected}")
    return found
