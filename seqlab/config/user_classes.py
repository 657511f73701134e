"""Classes of the user's own, named in an override or when a bundle is loaded (`allow`), and in no config file.

Such a class may be defined in a Python file of the working directory, which is imported only if the user names it.
"""

import inspect
import logging
import sys
from collections.abc import Mapping, Sequence
from importlib import invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from seqlab.config.build import known_targets
from seqlab.config.compose import MODEL_KEYS
from seqlab.config.imports import failure_of_import, module_path
from seqlab.config.overrides import Overrides
from seqlab.config.roles import LOADABLE, Role, role_at
from seqlab.config.tree import parts, targets_in
from seqlab.errors import ConfigError, did_you_mean

log = logging.getLogger(__name__)


def admit(config: DictConfig, typed: Overrides) -> frozenset[str]:
    """Return the targets that a run of `config` may build: those of config files, and classes that the user named for a part.

    A class that the user names replaces that of an option. What that option set is removed from `config`, except for arguments
    that the new class requires.

    Raises: ConfigError for a class that does not exist, cannot be imported, or is not of the role of its place.
    """
    named = [
        (path, node["_target_"], role)
        for path, node in parts(OmegaConf.to_container(config, resolve=False))
        if node["_target_"] in typed.targets and (role := role_at(path))
    ]
    for path, target, role in named:
        found = named_class(target, said=f"{path}._target_", role=role)
        _keep_what_it_needs(OmegaConf.select(config, path), found, path=path, typed=typed)
    return known_targets() | {target for _, target, _ in named}


def own_classes(settings: Mapping[str, Any], targets: frozenset[str]) -> list[str]:
    """Return the classes of a run's model and data that no config file names; warn how to load such a model."""
    named = {target for key in (*MODEL_KEYS, "data") for target in targets_in(settings[key])}
    own = sorted((named & targets) - known_targets())
    if own:
        flags = " ".join(f"--allow {name}" for name in own)
        remedy = f"keep the file in the working directory and pass {flags}, or seqlab.load(…, allow={own})"
        uses = f"the model uses {', '.join(own)}, which no plugin brings"
        log.warning("%s. To load it, %s; a plugin (`seqlab plugins new`) loads without that", uses, remedy)
    return own


def allowed(names: Sequence[str]) -> frozenset[str]:
    """Return `names`, classes that a bundle may build besides those of config files, after importing them.

    Raises: ConfigError as `admit` does.
    """
    if isinstance(names, str):
        raise ConfigError(f"allow is {names!r}; expected a list of classes: [{names!r}]")
    for name in names:
        named_class(name, said="allow", role=LOADABLE)
    return frozenset(names)


def named_class(target: str, *, said: str, role: Role) -> type:
    """Return the class `target`, as in `module.Class`; `said` is where the user named it.

    Raises: ConfigError where the module or class does not exist, importing it fails, or it is not of the role.
    """
    module_name, _, name = target.rpartition(".")
    if not module_name:
        raise ConfigError(f"{said} is {target!r}; expected FILE.CLASS of a file in this folder, as in my_file.MyEncoder")
    module = _module(module_name, said=said, target=target)
    found = getattr(module, name, None)
    fitting = [key for key, value in vars(module).items() if _is_own(value, module_name) and role.fits(value)]
    listed = f"; the file has {', '.join(fitting)}" if fitting else ""
    if found is None:
        hint = did_you_mean(name, fitting or vars(module))
        raise ConfigError(f"{said} is {target!r}, but {module_name} has no {name}{hint}{listed}")
    if not role.fits(found) and not (role.is_open and isinstance(found, type) and own_file(target)):
        raise ConfigError(f"{said} is {target!r}, which is not a subclass of {role.name}{listed}; derive it from that")
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(found.__abstractmethods__))
        raise ConfigError(f"{said} is {target!r}, which lacks {lacking}, as every {role.name} has; write it")
    assert isinstance(found, type)
    return found


def _module(name: str, *, said: str, target: str) -> ModuleType:
    """Import the module, from the working directory if it has one of that name."""
    top, own = name.partition(".")[0], own_file(target)
    # The import system would miss a file written since it last listed the folder.
    invalidate_caches()
    if own is not None and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # last, so that no file hides an installed package
    origin = module_path(top)
    if origin is None:
        where = f"there is no {top}.py in {Path.cwd()}, nor an installed package {top}"
        hint = did_you_mean(top, [path.stem for path in Path.cwd().glob("*.py")])
        raise ConfigError(f"{said} is {target!r}, but {where}{hint}")
    if own is not None and not (Path(origin).is_absolute() and Path(origin).resolve().is_relative_to(Path.cwd().resolve())):
        raise ConfigError(f"{said} is {target!r}, but the name {top} belongs to {origin}; rename {own}")
    failure = failure_of_import(name)
    if failure is not None:
        raise ConfigError(f"{said} is {target!r}, but importing {name} fails: {failure}")
    return sys.modules[name]


def own_file(target: str) -> Path | None:
    """Return the file of the working directory that would define `module.Class`; None if there is no such file."""
    names = target.split(".")[:-1]
    # Anything else is no module name, and could lead out of the working directory.
    if not names or not all(map(str.isidentifier, names)):
        return None
    base = Path.cwd().joinpath(*names)
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _is_own(value: object, module: str) -> bool:
    """Return whether `value` was defined in the package of `module`, and not imported there."""
    return getattr(value, "__module__", "").partition(".")[0] == module.partition(".")[0] and not inspect.isabstract(value)


def _keep_what_it_needs(node: DictConfig, found: type, *, path: str, typed: Overrides) -> None:
    """Remove arguments that the user did not set and that `found` does not require; warn which are kept and which removed."""
    parameters = inspect.signature(found).parameters.values()
    needed = {p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    others = [key for key in map(str, node) if not key.startswith("_") and not typed.sets(f"{path}.{key}")]
    values = {key: node._get_node(key) for key in others if key in needed}
    kept = [key if isinstance(value, DictConfig) else f"{key}={value}" for key, value in values.items()]
    dropped = [key for key in others if key not in needed]
    with open_dict(node):
        for key in dropped:
            del node[key]
    if others:
        changes = [f"keeps {', '.join(kept)}"] * bool(kept) + [f"drops {', '.join(dropped)}"] * bool(dropped)
        log.warning("%s: of the option it replaces, %s %s", path, found.__name__, " and ".join(changes))
