"""Checks of an option: it composes, puts a part in its place, and its keys fit its class."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from omegaconf import OmegaConf

from seqlab.config.arguments import UNKNOWN, check_arguments
from seqlab.config.build import known_targets, locate
from seqlab.config.compose import compose
from seqlab.config.imports import module_path
from seqlab.config.mistakes import HYDRA_ERRORS, explain
from seqlab.config.overrides import Overrides
from seqlab.config.plugins import Plugin, providers
from seqlab.config.roles import PLACE_OF_GROUP, is_at, role_at
from seqlab.config.tree import parts, targets_in
from seqlab.errors import ConfigError

Fault: TypeAlias = tuple[str, bool]
"""A message, and whether it is an error."""
_SEVERAL = "data.sets.*"
"""Place of several data sets, instead of one."""


def option_faults(plugin: Plugin) -> Iterator[Fault]:
    """Yield the faults of the options of a plugin, each once."""
    seen: set[str] = set()
    for option in plugin.options():
        for message, is_error in _faults(plugin, option):
            if message not in seen:
                seen.add(message)
                yield f"{option}: {message}", is_error


def _faults(plugin: Plugin, option: str) -> Iterator[Fault]:
    group, _, name = option.rpartition("/")
    if not group or "/" in group:  # read by other options, and never composed alone
        for target in targets_in(plugin.contents[option]):
            yield from _absence(target, path=option)
        return
    override = f"{'' if group in _groups_of_defaults() else '+'}{group}={name}"
    try:
        Overrides.parse([override])
        config = OmegaConf.to_container(compose([override, "paths.run_dir=."]), resolve=False)
    except ConfigError as error:
        yield f"no override can choose it: {error}; give it another name", True
        return
    except HYDRA_ERRORS as error:
        yield f"it does not compose: {explain(error, [override])}", True
        return
    nodes = dict(parts(config))
    place = PLACE_OF_GROUP.get(group)
    if place and not any(is_at(path, place) or is_at(path, f"{_SEVERAL}.reader") for path in nodes) and not _has_sets(config):
        first = f"; begin {plugin.options()[option]} with `# @package {place[:-2]}`" if place.endswith(".*") else ""
        yield f"it puts nothing at {place}, where a run looks for it{first}", True
    own = plugin.targets(None)
    for path, node in nodes.items():
        if node["_target_"] in own:
            yield from _of_node(node, path=path, plugin=plugin)


def _has_sets(config: Any) -> bool:
    return "sets" in (config.get("data") or {})


def _groups_of_defaults() -> set[str]:
    defaults = providers()[0].contents["train"]["defaults"]
    return {group.removeprefix("optional ") for entry in defaults if isinstance(entry, Mapping) for group in entry}


def _absence(target: str, *, path: str) -> Iterator[Fault]:
    try:
        locate(target, targets=known_targets(), path=path)
    except ConfigError as error:
        is_optional = module_path(target.partition(".")[0]) is None
        yield str(error), not is_optional


def _of_node(node: Mapping[str, Any], *, path: str, plugin: Plugin) -> Iterator[Fault]:
    absence = list(_absence(node["_target_"], path=path))
    yield from absence
    if absence:
        return
    found, role = locate(node["_target_"], targets=known_targets(), path=path), role_at(path)
    if role is not None and not role.fits(found):
        is_foreign = node["_target_"].partition(".")[0] not in ("seqlab", plugin.package)
        if not role.is_open or is_foreign:
            remedy = "as any bundle may be made of it, wrap it in one" if role.is_open else "derive it from that"
            yield f"{path}._target_ is {node['_target_']!r}, which is not a subclass of {role.name}; {remedy}", True
            return
    lacking = sorted(getattr(found, "__abstractmethods__", ()))
    if lacking:
        yield f"{path}._target_ is {node['_target_']!r}, which lacks {', '.join(lacking)}; write that", True
    given, is_open = (role.given, False) if role else ((), True)  # whoever reads a group of its own may pass anything
    arguments = {key: _known(value) for key, value in node.items() if not key.startswith("_")} | dict.fromkeys(given, UNKNOWN)
    try:
        check_arguments(found, arguments, given=given, path=path, is_partial=is_open or bool(node.get("_partial_")))
    except ConfigError as error:
        yield str(error), True


def _known(value: object) -> object:
    """Return a value, or UNKNOWN for an interpolation, a value that the user must set, and a part yet to be built."""
    is_open = isinstance(value, str) and (value == "???" or "${" in value)
    return UNKNOWN if is_open or isinstance(value, Mapping) else value
