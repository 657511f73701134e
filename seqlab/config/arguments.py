"""Options written in a config, held against the class or function that takes them."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, get_args

from seqlab.errors import ConfigError, did_you_mean

UNKNOWN = object()
"""Stands for a value that is not known yet, such as an interpolation: it is of any kind."""


def check_arguments(
    factory: Callable[..., Any], arguments: Mapping[str, object], *, given: Iterable[str], path: str, is_partial: bool
) -> None:
    """Refuse arguments that `factory` does not take, and lacking ones. `given` are those that no config writes."""
    try:
        signature = inspect.signature(factory)
    except ValueError:
        return
    parameters = signature.parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [] if takes_any else [name for name in arguments if name not in parameters]
    options = [name for name in parameters if name not in given]
    for name in unknown:
        takes = f"it takes {', '.join(options)}" if options else f"it takes none; `~{path}.{name}` leaves it out"
        raise ConfigError(f"{path}.{name} is not an option of {name_of(factory)}{did_you_mean(name, options)} ({takes})")
    for name, value in arguments.items():
        if name in parameters:
            check_value(value, parameters[name].annotation, path=f"{path}.{name}".lstrip("."))
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [name for name, p in parameters.items() if p.default is p.empty and p.kind in named]
    missing = [] if is_partial else [name for name in required if name not in arguments]
    if missing:
        raise ConfigError(f"{path} lacks {', '.join(missing)}, which {name_of(factory)} needs; set {path}.{missing[0]}=…")


def check_value(value: object, annotation: object, *, path: str) -> None:
    """Refuse a value of another kind than a plain type, or a union of such, that a parameter is annotated with."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    if value is UNKNOWN or not all(kind in _KINDS for kind in kinds) or any(_KINDS[kind][0](value) for kind in kinds):
        return
    raise ConfigError(f"{path} is {value!r}; expected {' or '.join(_KINDS[kind][1] for kind in kinds)}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_KINDS: dict[Any, tuple[Callable[[object], bool], str]] = {
    bool: (lambda value: isinstance(value, bool), "true or false"),
    int: (_is_whole, "a whole number"),
    float: (lambda value: _is_whole(value) or isinstance(value, float), "a number"),
    str: (lambda value: isinstance(value, str), "a word"),
    NoneType: (lambda value: value is None, "null"),
    Sequence[int]: (lambda value: isinstance(value, list) and all(map(_is_whole, value)), "a list of whole numbers"),
}
"""Plain types: what passes for each, and what it is called."""


def name_of(factory: Callable[..., Any]) -> str:
    """Return what a class or function is called."""
    return getattr(factory, "__name__", str(factory))
