"""Build the objects that a config describes. Nothing else calls Hydra's `instantiate`."""

import re
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.metadata import metadata, requires
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from seqlab.config.arguments import check_arguments, name_of
from seqlab.config.imports import described, failure_of_import, module_path
from seqlab.config.moved_targets import current_target
from seqlab.config.plugins import discover, providers
from seqlab.errors import ConfigError, did_you_mean


@cache
def known_targets(groups: tuple[str, ...] | None = None) -> frozenset[str]:
    """Return every `_target_` written in the config files of seqlab and its plugins: the exact allow-list of `build`.

    `groups` keeps those in the folders of some config groups, and those under keys of the same names; None keeps all.
    """
    providers()  # warns of plugins that cannot be used
    return frozenset(current_target(target) for builder in discover().builders for target in builder.targets(groups))


def build(
    node: object,
    *,
    targets: frozenset[str],
    resolve: Callable[[Any], Any] = lambda built: built,
    path: str = "",
    **arguments: object,
) -> Any:
    """Return `node` with every mapping that has a `_target_` replaced by the object it describes, innermost first.

    Args:
        node: Plain values: mappings, lists and scalars.
        targets: The exact allow-list of classes and functions.
        resolve: Called with each object; may return another to use instead, as a fitted field for an unfitted one. By default
            it returns the object.
        path: Place of `node` in the config, for messages.
        arguments: More arguments of the outermost target.

    Raises: ConfigError for a target outside the list, and for unknown or missing arguments.
    """
    if isinstance(node, list):
        return [build(child, targets=targets, resolve=resolve, path=f"{path}.{i}") for i, child in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    children = {
        key: build(child, targets=targets, resolve=resolve, path=f"{path}.{key}".lstrip("."))
        for key, child in node.items()
        # Keys such as _target_ and _partial_ are instructions to `build`, not arguments.
        if not str(key).startswith("_")
    }
    if "_target_" not in node:
        return children
    factory = locate(node["_target_"], targets=targets, path=path)
    is_partial = bool(node.get("_partial_"))
    check_arguments(factory, children | arguments, given=arguments, path=path, is_partial=is_partial)
    if is_partial:
        return partial(_construct, factory, path, **children, **arguments)
    return resolve(_construct(factory, path, **children, **arguments))


def _construct(factory: Callable[..., Any], path: str, /, *arguments: object, **options: object) -> Any:
    try:
        return factory(*arguments, **options)
    except ConfigError as error:
        # A message that already names its place in the config needs no prefix.
        top = path.partition(".")[0]
        if not path or f"{top}." in str(error) or str(error).startswith(top):
            raise
        raise ConfigError(f"{path}: {error}") from error
    # Raised by constructors, also those of libraries, for options that do not fit.
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = " ".join(str(error).split()) if _is_ours(factory) else described(error, module=factory.__module__)
        raise ConfigError(f"{path}: {name_of(factory)} does not take these options: {reason}") from error
    except (AttributeError, LookupError, NameError) as error:
        # In our own code this is a bug, which keeps its traceback.
        if _is_ours(factory):
            raise
        raise ConfigError(f"{path}: {name_of(factory)} fails: {described(error, module=factory.__module__)}") from error
    except ImportError as error:
        reason, extra = " ".join(str(error).split()), path.rpartition(".")[2]
        has_extra = extra in metadata("seqlab").get_all("Provides-Extra", ())
        install = f"`pip install 'seqlab[{extra}]'`" if has_extra else "install it"
        lacks = f"{path}: {name_of(factory)} needs a package that is not installed ({reason})"
        raise ConfigError(f"{lacks}; {install}, or choose another option") from error


def _is_ours(factory: Callable[..., Any]) -> bool:
    """Return whether a class belongs to seqlab, or to a package that its own config files name."""
    ours = {target.partition(".")[0] for target in discover().providers[0].targets(None)}
    return factory.__module__.partition(".")[0] in ours


def locate(target: object, *, targets: frozenset[str], path: str) -> Callable[..., Any]:
    """Return the class or function that `target` names; paths of older versions are translated.

    Raises: ConfigError for a target outside the allow-list, and for one that cannot be imported.
    """
    current = current_target(target) if isinstance(target, str) else ""
    # Exact names only: a prefix would allow whatever the package re-exports.
    if current not in targets:
        unknown = f"{path}._target_ is {target!r}, which no config file of seqlab or an installed plugin names here"
        raise ConfigError(f"{unknown}{_where_it_may_be(str(target), targets)}")
    try:
        # As a partial, Hydra only imports the target; `_construct` calls it, with messages of our own.
        located = instantiate({"_target_": current, "_partial_": True})
    except (InstantiationException, SystemExit) as error:  # a module may exit when it is imported
        reason = _why_not_there(current, error)
        raise ConfigError(f"{path}._target_ is {target!r}, but {reason}, or choose another option") from error
    factory: Callable[..., Any] = located.func
    return factory


def _where_it_may_be(target: str, targets: frozenset[str]) -> str:
    for unused in discover().left_out:
        if unused.package == target.partition(".")[0]:
            return f"; {unused}"
    return did_you_mean(target, targets, n=3, cutoff=0.5) or "; install the plugin that brings it"


def _why_not_there(target: str, error: BaseException) -> str:
    """Return why a target of the allow-list cannot be imported, and what to do."""
    module, _, name = target.rpartition(".")
    package = target.partition(".")[0]
    if module_path(package) is None:
        return f"{package} cannot be imported; {_how_to_install(package)}"
    failure = failure_of_import(module)
    if failure is not None:
        return f"importing {module} fails: {failure}; fix it"
    if hasattr(sys.modules[module], name):  # Hydra refuses some targets
        return " ".join(str(error).split())
    return f"{module} has no {name}; reinstall what brings it"


def _how_to_install(package: str) -> str:
    """Return how to install `package`: by the extra of seqlab that requires it, if there is one."""
    for requirement in requires("seqlab") or []:
        found = re.match(r"([\w.-]+).*; extra == ['\"]([\w-]+)['\"]", requirement)
        if found and found[1].replace("-", "_").lower() == package.lower() and found[2] != "dev":
            return f"`pip install 'seqlab[{found[2]}]'`"
    return "install the package that has it"
