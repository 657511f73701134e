"""Composing configs and building what they describe: the only callers of Hydra's `compose` and `instantiate`."""

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from importlib.metadata import requires
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import InstantiationException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict

from seqlab.errors import ConfigError, PluginError
from seqlab.paths import config_dir
from seqlab.plugins import installed_plugins
from seqlab.suited import with_suited

MODEL_GROUPS = ("embedding", "encoder", "head", "heads")
"""The config groups, and the keys of a config, whose targets a bundle may name."""


class SeqlabSearchPath(SearchPathPlugin):
    """Appends the `conf` folder of every installed plugin to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append each plugin's folder, named after its distribution."""
        for plugin in installed_plugins():
            search_path.append(provider=plugin.distribution, path=f"file://{plugin.conf_dir}")


def register_search_path() -> None:
    """Make Hydra see the plugins' options; safe to call again."""
    if SeqlabSearchPath not in Plugins.instance().discover(SearchPathPlugin):
        Plugins.instance().register(SeqlabSearchPath)


def compose(overrides: Sequence[str], *, config_name: str = "train") -> DictConfig:
    """Return the config that `seqlab train` would run with `overrides`, its run folder filled in.

    Raises: ConfigError that names the nearest key or option for a mistyped override.
    """
    register_search_path()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        config = hydra_compose(config_name, overrides=with_suited(overrides), return_hydra_config=True)
        run_dir = config.hydra.run.dir
    with open_dict(config):
        config.pop("hydra")
        config.paths.run_dir = str(Path(run_dir).absolute())
    return config


def options_of(group: str) -> list[str]:
    """Return the options of config group `group`, from seqlab and its plugins."""
    folders = [config_dir(), *(plugin.conf_dir for plugin in installed_plugins())]
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def names_in(group: str, option: str) -> list[str]:
    """Return the names that an option gives to what it describes: the top-level keys of its file."""
    folders = [config_dir(), *(plugin.conf_dir for plugin in installed_plugins())]
    paths = [path for folder in folders if (path := folder / group / f"{option}.yaml").is_file()]
    contents = [yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) or {} for path in paths]
    return [name for content in contents for name in content if name != "defaults"]


def plain(config: object) -> Any:
    """Return `config` with interpolations resolved, as dicts, lists and scalars."""
    return OmegaConf.to_container(config, resolve=True, throw_on_missing=True) if OmegaConf.is_config(config) else config


@cache
def known_targets(groups: tuple[str, ...] | None = None) -> frozenset[str]:
    """Return every `_target_` written in the config files of seqlab and its plugins: the exact allow-list of `build`.

    `groups` keeps those in the folders of some config groups, and those under keys of the same names; None = all.
    """
    folders = [config_dir(), *(plugin.conf_dir for plugin in installed_plugins())]
    files = ((folder, path) for folder in folders for path in folder.rglob("*.yaml"))
    return frozenset(target for folder, path in files for target in _targets_in(_part(path, folder, groups)))


def _part(path: Path, folder: Path, groups: tuple[str, ...] | None) -> object:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise PluginError(f"{path}: not readable as YAML ({reason}); reinstall what it is part of") from error
    is_whole = groups is None or path.relative_to(folder).parts[0] in groups
    return content if is_whole else [content.get(key) for key in groups or ()]


def _targets_in(node: object) -> Iterable[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _targets_in(child)


def unchanged(built: Any) -> Any:
    """Return `built`: the `resolve` of a build without stand-ins."""
    return built


def build(
    node: object,
    *,
    targets: frozenset[str],
    resolve: Callable[[Any], Any] = unchanged,
    path: str = "",
    **arguments: object,
) -> Any:
    """Return what `node` describes: a mapping with `_target_` is constructed, innermost first; other containers are kept.

    `targets` is the exact allow-list. Each constructed object passes through `resolve`, which may hand back another in its
    place (a fitted field for an unfitted one). `path` is where the node stands in the config, for messages. `arguments` are
    passed to the outermost target.

    Raises: ConfigError for a target outside the list, and for arguments that it does not take or lacks.
    """
    if isinstance(node, list):
        return [build(child, targets=targets, resolve=resolve, path=f"{path}.{i}") for i, child in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    children = {
        key: build(child, targets=targets, resolve=resolve, path=f"{path}.{key}".lstrip("."))
        for key, child in node.items()
        if not str(key).startswith("_")
    }
    if "_target_" not in node:
        return children
    factory = locate(node["_target_"], targets=targets, path=path)
    is_partial = bool(node.get("_partial_"))
    _check_arguments(factory, children | arguments, given=arguments, path=path, is_partial=is_partial)
    if is_partial:
        return partial(_construct, factory, path, **children, **arguments)
    return resolve(_construct(factory, path, **children, **arguments))


def _construct(factory: Callable[..., Any], path: str, /, *arguments: object, **options: object) -> Any:
    try:
        return factory(*arguments, **options)
    except ConfigError as error:
        top = path.partition(".")[0]
        if not path or f"{top}." in str(error) or str(error).startswith(top):
            raise
        raise ConfigError(f"{path}: {error}") from error
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: {_name(factory)} does not take these options: {reason}") from error
    except ImportError as error:
        reason, extra = " ".join(str(error).split()), path.rpartition(".")[2]
        raise ConfigError(
            f"{path}: {_name(factory)} needs a package that is not installed ({reason}); `pip install 'seqlab[{extra}]'`, "
            "or choose another option"
        ) from error


def locate(target: object, *, targets: frozenset[str], path: str) -> Callable[..., Any]:
    """Return the class or function that `target` names, if it is in the allow-list."""
    if not isinstance(target, str) or target not in targets:
        near = difflib.get_close_matches(str(target), targets, n=3, cutoff=0.5)
        raise ConfigError(
            f"{path}._target_ is {target!r}, which no config file of seqlab or an installed plugin names here;"
            f" {'did you mean ' + ' or '.join(near) + '?' if near else 'install the plugin that brings it'}"
        )
    try:
        located = instantiate({"_target_": target, "_partial_": True})
    except InstantiationException as error:
        package = target.partition(".")[0]
        raise ConfigError(
            f"{path}._target_ is {target!r}, but {package} cannot be imported; {_how_to_install(package)}, "
            "or choose another option"
        ) from error
    factory: Callable[..., Any] = located.func
    return factory


def _how_to_install(package: str) -> str:
    """Return what installs `package`: the extra of seqlab that asks for it, where there is one."""
    for requirement in requires("seqlab") or []:
        found = re.match(r"([\w.-]+).*; extra == ['\"]([\w-]+)['\"]", requirement)
        if found and found[1].replace("-", "_").lower() == package.lower() and found[2] != "dev":
            return f"`pip install 'seqlab[{found[2]}]'`"
    return "install the package that has it"


def _check_arguments(
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
        near = difflib.get_close_matches(name, options, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        takes = f"it takes {', '.join(options)}" if options else f"it takes none; `~{path}.{name}` leaves it out"
        raise ConfigError(f"{path}.{name} is not an option of {_name(factory)}{hint} ({takes})")
    for name, value in arguments.items():
        if name in parameters:
            _check_value(value, parameters[name].annotation, path=f"{path}.{name}".lstrip("."))
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [name for name, p in parameters.items() if p.default is p.empty and p.kind in named]
    missing = [] if is_partial else [name for name in required if name not in arguments]
    if missing:
        raise ConfigError(f"{path} lacks {', '.join(missing)}, which {_name(factory)} needs; set {path}.{missing[0]}=…")


def _check_value(value: object, annotation: object, *, path: str) -> None:
    """Refuse a value of another kind than a plain type, or a union of such, that a parameter is annotated with."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    if not all(kind in _KINDS for kind in kinds) or any(_KINDS[kind][0](value) for kind in kinds):
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


def _name(factory: Callable[..., Any]) -> str:
    return getattr(factory, "__name__", str(factory))
