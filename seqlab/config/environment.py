"""Values that a config reads from the environment: where they may stand, and what shared files get in their place.

A config file from elsewhere could otherwise publish a secret: the config of a run is part of its model's bundle and card.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer

from seqlab.config.compose import MODEL_KEYS, plain
from seqlab.config.overrides import Overrides
from seqlab.errors import ConfigError

HARMLESS = frozenset(
    {"now", "python_version", "oc.create", "oc.decode", "oc.deprecated", "oc.dict.keys", "oc.dict.values", "oc.select"}
)
"""Resolvers of OmegaConf and Hydra that any config file may use; of `hydra`, all but the environment of jobs."""
PRIVATE = ("paths.", "hydra.")
"""Parts of the config whose files may read the environment: no bundle has them."""


@dataclass(frozen=True)
class Reading:
    """A call of a resolver that may read the environment or run code."""

    key: str
    """The key whose value makes the call."""
    call: str


@dataclass(frozen=True)
class Interpolated:
    """A value of the config that is an interpolation."""

    keys: tuple[Any, ...]
    path: str
    text: str
    value: object
    readings: tuple[Reading, ...]


def check_environment(config: DictConfig, typed: Overrides) -> None:
    """Check that only the user's overrides and the node `paths` read the environment, and nothing of the model does.

    Raises: ConfigError for any other value that does, directly or through another; its resolver is not called.
    """
    for one in _interpolations(config, is_allowed=partial(_is_allowed, typed=typed)):
        for reading in one.readings:
            if not _is_allowed(reading.key, typed=typed):
                by = "" if reading.key == one.path else f", by {reading.key},"
                call, key = f"${{{reading.call}}}", one.path.partition("[")[0]
                where = "a config file may do so under `paths` only"
                raise ConfigError(f"{one.path}{by} reads the environment ({call}); {where}: type {key}=… on the command line")
        is_own_number = _is_typed(one.path, typed) and not isinstance(one.value, str | dict | list)
        if one.readings and one.keys[0] in MODEL_KEYS and not is_own_number:
            reason = "the bundle of the model would publish its value"
            raise ConfigError(f"{one.path} is {one.text!r}, read from the environment; {reason}: type the value itself")


def shareable(config: DictConfig) -> dict[str, Any]:
    """Return `config` as plain values for files that are shared; text from the environment stays an interpolation."""
    settings: dict[str, Any] = plain(config)
    for one in _interpolations(config, is_allowed=lambda _: True):
        if one.readings and isinstance(one.value, str | dict | list):
            *parents, last = one.keys
            node: Any = settings
            for key in parents:
                node = node[key]
            node[last] = one.text
    return settings


def _is_allowed(key: str, *, typed: Overrides) -> bool:
    return key.startswith(PRIVATE) or _is_typed(key, typed)


def _is_typed(key: str, typed: Overrides) -> bool:
    """Return whether the user typed the value at `key`, or the list it is in; a typed option, as in data=conll, is no value."""
    return key in typed.keys or any(key.startswith(f"{one}[") for one in typed.keys)


def _interpolations(config: DictConfig, *, is_allowed: Callable[[str], bool]) -> Iterator[Interpolated]:
    """Yield each interpolation with its value and what it reads, also by way of others."""
    with _recorded(is_allowed) as readings:
        for parent, key, keys in _children(config, ()):
            if OmegaConf.is_interpolation(parent, key):
                # Resolving a value fills the list; it must hold the calls of this value only.
                readings.clear()
                value = plain(parent[key])
                path, text = parent._get_full_key(key), str(parent._get_node(key)._value())
                yield Interpolated(keys, path, text, value, tuple(readings))


def _children(node: Any, above: tuple[Any, ...]) -> Iterator[tuple[Any, Any, tuple[Any, ...]]]:
    """Yield container, key and all keys of everything below `node`; interpolations are not followed."""
    if not isinstance(node, DictConfig | ListConfig) or node._is_none() or node._is_missing() or node._is_interpolation():
        return
    for key in range(len(node)) if isinstance(node, ListConfig) else list(node):
        yield node, key, (*above, key)
        yield from _children(node._get_node(key), (*above, key))


@contextmanager
def _recorded(is_allowed: Callable[[str], bool]) -> Iterator[list[Reading]]:
    """Record calls of resolvers that are not harmless; those at keys that may not make them are not carried out."""
    found: list[Reading] = []

    def record(
        name: str, resolver: Callable[..., Any], config: Any, parent: Any, node: Any, args: tuple[Any, ...], texts: Any
    ) -> Any:
        if name == "hydra" and not _is_environment_of_jobs(args):
            return resolver(config, parent, node, args, texts)
        found.append(Reading(node._get_full_key(None), f"{name}:{','.join(map(str, args))}"))
        return resolver(config, parent, node, args, texts) if is_allowed(found[-1].key) else None

    # OmegaConf has no public list of its resolvers. Names may be interpolations too, so that only calls show them.
    resolvers: dict[str, Any] = BaseContainer._resolvers
    before = dict(resolvers)
    resolvers.update({name: partial(record, name, one) for name, one in before.items() if name not in HARMLESS})
    try:
        yield found
    finally:
        resolvers.update(before)


def _is_environment_of_jobs(args: tuple[Any, ...]) -> bool:
    """Return whether `hydra:PATH` leads to the variables that Hydra sets for jobs or copies from the environment."""
    path = str(args[0]) if args else ""
    return path in ("", "job") or path.startswith("job.env")
