"""Config folders from elsewhere (`--config-dir`, `--config-path`, `hydra.searchpath`): Hydra acts only on known classes.

Hydra builds its callbacks, launcher and sweeper and configures logging before a run starts, so before `build` checks anything.
Here the composed node `hydra` is checked as soon as it is composed, also for each job of a sweep. What the user types, the
configs of seqlab and those of installed plugins may do as they like.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, final

import hydra._internal.hydra as hydra_internal
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from seqlab.config.overrides import Overrides
from seqlab.config.paths import config_dir
from seqlab.config.plugins import providers
from seqlab.config.tree import targets_in, walk
from seqlab.errors import ConfigError

BUILT = ("callbacks", "launcher", "sweeper")
"""Parts of the node `hydra` that Hydra builds."""
LOGGING = ("job_logging", "hydra_logging")
"""Parts of the node `hydra` that Python's logging builds, in which texts may name any object."""
FACTORIES = ("class", "()")
CLASSES = ("logging.StreamHandler", "logging.FileHandler")
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
LOG_FILE = re.compile(r"\$\{hydra[.:]runtime\.output_dir\}/(\$\{hydra[.:]job\.name\}|[\w-])[\w.-]*")
"""A file in the folder of the run."""
_REFERENCE = re.compile(r"\$\{[\w.]+\}")


@contextmanager
def guarded(typed: Overrides) -> Iterator[None]:
    """Let Hydra compose configs by a loader that checks what comes from folders of others; `typed` are the user's overrides."""
    # Hydra has no public place for a loader.
    hydra_main: Any = hydra_internal
    before = hydra_main.ConfigLoaderImpl
    hydra_main.ConfigLoaderImpl = partial(GuardedLoader, typed=typed)
    try:
        yield
    finally:
        hydra_main.ConfigLoaderImpl = before


@final
class GuardedLoader(ConfigLoaderImpl):
    """Composes configs as Hydra does, and raises ConfigError where a file from elsewhere lets Hydra run unknown code."""

    def __init__(self, config_search_path: ConfigSearchPath, *, typed: Overrides) -> None:
        super().__init__(config_search_path=config_search_path)
        self.typed = typed

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Return the composed config."""
        self._check_search_path(config_name)
        config = super().load_configuration(config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        sources = [Path(one.path) for one in config.hydra.runtime.config_sources if _is_foreign(one.provider, one.path)]
        names = [config_name, *config.hydra.runtime.choices.values()]
        if sources or any(".." in Path(str(name)).parts for name in names):
            check_hydra(config, self.typed, folders=sources)
        return config

    def _check_search_path(self, config_name: str | None) -> None:
        """Raise ConfigError for modules in the search path of a foreign main config: Hydra would import them."""
        loaded = self.repository.load_config(config_path=config_name) if config_name else None
        if loaded is None or not _is_foreign(str(loaded.provider), str(loaded.path).removeprefix("file://")):
            return
        for folder in OmegaConf.select(loaded.config, "hydra.searchpath") or []:
            if str(folder).startswith("pkg://") and not self.typed.sets("hydra.searchpath"):
                raise _refusal("hydra.searchpath", folder, "a module, which Hydra would import", folders=[Path(loaded.path)])


def check_hydra(config: DictConfig, typed: Overrides, *, folders: Sequence[Path]) -> None:
    """Check the node `hydra` of a config that files in `folders` take part in.

    Raises: ConfigError for a class, file or variable of the environment that neither the user nor an installed config names.
    """
    # Unresolved: resolving an interpolation may already read the environment or run a resolver of someone's own.
    content: Any = OmegaConf.to_container(config.hydra, resolve=False)
    _check_job(content["job"], typed, folders=folders)
    found = [(f"hydra.{name}", content[name], _misuse_of_logging) for name in LOGGING]
    found += [(f"hydra.{name}", content[name], partial(_misuse_of_class, config)) for name in BUILT]
    for top, node, misuse in found:
        for path, value in walk(node, top, with_lists=True):
            reason = misuse(path, value) if isinstance(value, str) and path not in typed.keys else None
            if reason:
                raise _refusal(path, value, reason, folders=folders)


def _check_job(job: Mapping[str, Any], typed: Overrides, *, folders: Sequence[Path]) -> None:
    """Raise ConfigError for variables of the environment that a job gets, and for a name that leads out of its folder."""
    copied = job["env_copy"]
    # Hydra has copied them by now; they come first, so that no message shows a value.
    if copied and "hydra.job.env_copy" not in typed.keys:
        raise _refusal("hydra.job.env_copy", copied[0], "a variable of the environment", folders=folders)
    for name, value in job["env_set"].items():
        if name not in copied and f"hydra.job.env_set.{name}" not in typed.keys:
            raise _refusal(f"hydra.job.env_set.{name}", value, "a variable of the environment", folders=folders)
    # It is the name of the log file.
    if "hydra.job.name" not in typed.keys and not re.fullmatch(r"[\w. -]+", str(job["name"])):
        raise _refusal("hydra.job.name", job["name"], "no name of a file", folders=folders)


def _misuse_of_logging(path: str, value: str) -> str | None:
    key = path.rpartition(".")[2]
    if ".." in path:  # below the key ".", which sets attributes
        return "an attribute of a part of logging"
    if key in FACTORIES:
        return None if value in CLASSES else "a class that no installed config uses for logging"
    if key == "filename":
        return None if LOG_FILE.fullmatch(value) else "a file outside the folder of the run"
    if value.startswith(("ext://", "cfg://")):
        return None if value in STREAMS else "an object that no installed config uses for logging"
    return "an interpolation, which may name any object" if "${" in value else None


def _misuse_of_class(config: DictConfig, path: str, value: str) -> str | None:
    if path.endswith("._target_"):
        return None if value in _known_targets() else "a class that no installed config names for Hydra"
    if path.startswith("hydra.sweeper.params.") and _is_of_hydra(path.removeprefix("hydra.sweeper.params.")):
        return "a setting of Hydra for the jobs of a sweep"
    if "${" not in value or value in _known_texts():
        return None
    if "${" in _REFERENCE.sub("", value):
        return "an interpolation that may name any object"
    # Hydra builds what a node holds in the end, so also a class by way of another node.
    # The slice takes off "${" and "}".
    is_whole = _REFERENCE.fullmatch(value) and OmegaConf.is_config(OmegaConf.select(config, value[2:-1]))
    return "an interpolation of a whole node" if is_whole else None


def _is_of_hydra(key: str) -> bool:
    return key.lstrip("+~").startswith("hydra")


def _refusal(path: str, value: object, reason: str, *, folders: Sequence[Path]) -> ConfigError:
    words = path.rpartition(".")[2], str(value)
    file = next((file for folder in folders for file in _files(folder) if _mentions(file, words)), None)
    place = f"{file or next(iter(folders), 'a config file')}: "
    remedy = f"remove it, or, if you trust it, type {path.removesuffix('._target_')}=… on the command line"
    return ConfigError(f"{place}{path} is {value!r}, {reason}; {remedy}")


def _files(folder: Path) -> Iterator[Path]:
    return iter([folder] if folder.is_file() else sorted(folder.rglob("*.yaml")))


def _mentions(file: Path, words: Sequence[str]) -> bool:
    try:
        text = file.read_text(encoding="utf-8")
        return all(word in text for word in words)
    except (OSError, UnicodeDecodeError):
        return False


def _is_foreign(provider: str, path: str) -> bool:
    """Return whether a folder of the search path is the user's choice, and none of seqlab or a plugin."""
    is_chosen = provider in ("command-line", "main") or provider.startswith("hydra.searchpath")
    ours = [config_dir(), *(one.conf_dir for one in providers()[1:])]
    return is_chosen and Path(path) not in ours


@cache
def _known_targets() -> frozenset[str]:
    """Return every `_target_` that configs of seqlab, its plugins and Hydra's installed plugins give to Hydra."""
    stored = _stored("hydra")
    return frozenset(target for node in [*_of_providers(), *stored] for target in targets_in(node))


@cache
def _known_texts() -> frozenset[str]:
    """Return the interpolations in the same configs."""
    nodes = [*_of_providers(), *_stored("hydra")]
    texts = (value for node in nodes for _, value in walk(node, with_lists=True))
    return frozenset(text for text in texts if isinstance(text, str) and "${" in text)


def _of_providers() -> Iterator[Any]:
    """Yield the config files of seqlab and its plugins for Hydra."""
    for one in providers():
        yield from (content for option, content in one.contents.items() if option.startswith("hydra"))


def _stored(path: str) -> Iterator[Any]:
    """Yield the configs below `path` that Hydra and its plugins have stored."""
    store = ConfigStore.instance()
    for name in store.list(path):
        if name.endswith(".yaml"):
            yield OmegaConf.to_container(store.load(f"{path}/{name}").node, resolve=False)
        else:
            yield from _stored(f"{path}/{name}")
