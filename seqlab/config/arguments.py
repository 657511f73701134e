"""Checks a config's options against the signature of the class or function that takes them."""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeGuard, Union, get_args, get_origin

from seqlab.errors import ConfigError, did_you_mean

UNKNOWN = object()
"""Stands for a value that is not known yet, such as an interpolation; it passes every check."""


def check_arguments(
    factory: Callable[..., Any], arguments: Mapping[str, object], *, given: Iterable[str], path: str, is_partial: bool
) -> None:
    """Check arguments before `factory` is called with them.

    Args:
        factory: The class or function.
        arguments: All arguments by name.
        given: Those that the caller passes and no config sets; messages do not offer them.
        path: Place of the node in the config, for messages.
        is_partial: Whether more arguments follow, so that none are missing yet.

    Raises: ConfigError for an unknown or missing argument, and for a value of the wrong type.
    """
    try:
        signature = inspect.signature(factory)
    except ValueError:  # written in C, with no signature to read
        return
    parameters = signature.parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    options = [name for name in parameters if name not in given]
    for name, value in arguments.items():
        if name in parameters:
            if value is None and parameters[name].default is None:  # whatever the annotation says
                continue
            check_value(value, parameters[name].annotation, path=f"{path}.{name}".lstrip("."))
            _check_like_default(value, parameters[name], path=f"{path}.{name}".lstrip("."))
        elif not takes_any:
            takes = f"it takes {', '.join(options)}" if options else f"it takes none; `~{path}.{name}` leaves it out"
            hint = did_you_mean(name, options)
            raise ConfigError(f"{path}.{name} is not an option of {name_of(factory)}{hint} ({takes})")
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [name for name, p in parameters.items() if p.default is p.empty and p.kind in named]
    missing = [] if is_partial else [name for name in required if name not in arguments]
    if missing:
        raise ConfigError(f"{path} lacks {', '.join(missing)}, which {name_of(factory)} needs; set {path}.{missing[0]}=…")


def check_value(value: object, annotation: object, *, path: str) -> None:
    """Check a value against the type that a parameter is annotated with, where that is plain or a union of plain types.

    Raises: ConfigError that names the type.
    """
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    if len(kinds) == 1 and isinstance(value, (*_PLAIN, dict)) and _is_part(annotation):
        raise ConfigError(f"{path} is {value!r}; expected a mapping that describes it, with _target_")
    if len(kinds) == 1 and isinstance(value, _PLAIN) and get_origin(annotation) is Mapping:
        raise ConfigError(f"{path} is {value!r}; expected a mapping")
    if value is UNKNOWN or not all(kind in _KINDS for kind in kinds) or any(_KINDS[kind][0](value) for kind in kinds):
        return
    raise ConfigError(f"{path} is {value!r}; expected {' or '.join(_KINDS[kind][1] for kind in kinds)}")


def _is_part(annotation: object) -> bool:
    """Return whether a parameter takes a function, or an object of a class, which a mapping with `_target_` describes."""
    if get_origin(annotation) is Callable:
        return True
    package = getattr(annotation, "__module__", "").partition(".")[0]
    is_class = isinstance(annotation, type) and get_origin(annotation) is None and not issubclass(annotation, Enum)
    return is_class and package not in sys.stdlib_module_names and package != "jaxtyping"


def _check_like_default(value: object, parameter: inspect.Parameter, *, path: str) -> None:
    """Check a value by the default where the annotation has other types than plain ones, as in torch's optimizers.

    Raises: ConfigError for text, a list or nothing in place of a number, and for one value in place of several.
    """
    annotation, default = parameter.annotation, parameter.default
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    is_known = annotation is parameter.empty or all(kind in _KINDS for kind in kinds) or str in kinds or Any in kinds
    if is_known or value is UNKNOWN or (value is None and NoneType in kinds):
        return
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    if is_number and isinstance(value, str | list | dict | NoneType):
        raise ConfigError(f"{path} is {value!r}; expected a number, such as {default}")
    if isinstance(default, tuple) and isinstance(value, _PLAIN):
        raise ConfigError(f"{path} is {value!r}; expected a list, such as {list(default)}")


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether `value` is a whole number; True and False are not."""
    # bool is a subclass of int.
    return isinstance(value, int) and not isinstance(value, bool)


_PLAIN = (str, int, float, bool, NoneType)


def _is_mapping_to(kind: type) -> Callable[[object], bool]:
    """Return a check of mappings from names to values of `kind` or null."""

    def is_item(name: object, item: object) -> bool:
        return isinstance(name, str) and (item is None or (isinstance(item, kind) and not isinstance(item, bool)))

    return lambda value: isinstance(value, Mapping) and all(is_item(name, item) for name, item in value.items())


_KINDS: dict[Any, tuple[Callable[[object], bool], str]] = {
    bool: (lambda value: isinstance(value, bool), "true or false"),
    int: (is_whole, "a whole number"),
    float: (lambda value: is_whole(value) or isinstance(value, float), "a number"),
    str: (lambda value: isinstance(value, str), "a word"),
    NoneType: (lambda value: value is None, "null"),
    **dict.fromkeys((dict[str, int], dict[str, int | None]), (_is_mapping_to(int), "names with whole numbers: {tokens: 0}")),
    **dict.fromkeys((dict[str, str], dict[str, str | None]), (_is_mapping_to(str), "names with words: {tokens: words}")),
    Sequence[int]: (lambda value: isinstance(value, list) and all(map(is_whole, value)), "a list of whole numbers"),
}
"""Plain types: the check of a value, and the words for it in a message."""


def name_of(factory: Callable[..., Any]) -> str:
    """Return the name of a class or function."""
    return getattr(factory, "__name__", str(factory))
