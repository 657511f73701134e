"""Checks of an option: it composes, puts a part in its place, and its keys fit its class."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

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


@dataclass(frozen=True)
class Finding:
    """A problem of a provider: an error breaks something, a warning may."""

    message: str
    is_error: bool = True

    @property
    def severity(self) -> str:
        """`error` or `warning`."""
        return "error" if self.is_error else "warning"


def option_faults(plugin: Plugin) -> Iterator[Finding]:
    """Yield the faults of the options of a plugin, each once."""
    # Options that share a class share its faults.
    seen: set[str] = set()
    for option in plugin.options():
        for fault in _faults(plugin, option):
            if fault.message not in seen:
                seen.add(fault.message)
                yield replace(fault, message=f"{option}: {fault.message}")


def _faults(plugin: Plugin, option: str) -> Iterator[Finding]:
    group, _, name = option.rpartition("/")
    if not group or "/" in group:  # read by other options, and never composed alone
        for target in targets_in(plugin.contents[option]):
            yield from _absence(target, path=option)
        return
    override = f"{'' if group in _groups_of_defaults() else '+'}{group}={name}"
    try:
        Overrides.parse([override])
        config: Any = OmegaConf.to_container(compose([override, "paths.run_dir=."]), resolve=False)
    except ConfigError as error:
        yield Finding(f"no override can choose it: {error}; give it another name")
        return
    except HYDRA_ERRORS as error:
        yield Finding(f"it does not compose: {explain(error, [override])}")
        return
    nodes = dict(parts(config))
    place = PLACE_OF_GROUP.get(group)
    is_filled = any(is_at(path, place or "") or is_at(path, "data.sets.*.reader") for path in nodes)
    if place and not is_filled and "sets" not in (config.get("data") or {}):
        first = f"; begin {plugin.options()[option]} with `# @package {place[:-2]}`" if place.endswith(".*") else ""
        yield Finding(f"it puts nothing at {place}, where a run looks for it{first}")
    own = plugin.targets(None)
    for path, node in nodes.items():
        if node["_target_"] in own:
            yield from _of_node(node, path=path, plugin=plugin)


def _groups_of_defaults() -> set[str]:
    defaults = providers()[0].contents["train"]["defaults"]
    return {group.removeprefix("optional ") for entry in defaults if isinstance(entry, Mapping) for group in entry}


def _absence(target: str, *, path: str) -> Iterator[Finding]:
    try:
        locate(target, targets=known_targets(), path=path)
    except ConfigError as error:
        # A missing package is an optional dependency; a missing class in a package that is there is a mistake.
        is_optional = module_path(target.partition(".")[0]) is None
        yield Finding(str(error), is_error=not is_optional)


def _of_node(node: Mapping[str, Any], *, path: str, plugin: Plugin) -> Iterator[Finding]:
    absence = next(_absence(node["_target_"], path=path), None)
    if absence:
        yield absence
        return
    found, role = locate(node["_target_"], targets=known_targets(), path=path), role_at(path)
    if role is not None and not role.fits(found):
        is_foreign = node["_target_"].partition(".")[0] not in ("seqlab", plugin.package)
        if not role.is_open or is_foreign:
            remedy = "as any bundle may be made of it, wrap it in one" if role.is_open else "derive it from that"
            yield Finding(f"{path}._target_ is {node['_target_']!r}, which is not a subclass of {role.name}; {remedy}")
            return
    lacking = sorted(getattr(found, "__abstractmethods__", ()))
    if lacking:
        yield Finding(f"{path}._target_ is {node['_target_']!r}, which lacks {', '.join(lacking)}; write that")
    given, is_open = (role.given, False) if role else ((), True)  # whoever reads a group of its own may pass anything
    arguments = {key: _known(value) for key, value in node.items() if not key.startswith("_")} | dict.fromkeys(given, UNKNOWN)
    try:
        check_arguments(found, arguments, given=given, path=path, is_partial=is_open or bool(node.get("_partial_")))
    except ConfigError as error:
        yield Finding(str(error))


def _known(value: object) -> object:
    """Return a value, or UNKNOWN for an interpolation, a value that the user must set, and a part yet to be built."""
    # "???" is OmegaConf's mark of a mandatory value.
    is_open = isinstance(value, str) and (value == "???" or "${" in value)
    return UNKNOWN if is_open or isinstance(value, Mapping) else value
