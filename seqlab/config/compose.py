"""Compose configs. Nothing else calls Hydra's `compose`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf, open_dict

from seqlab.config.data_defaults import add_data_defaults
from seqlab.config.paths import config_dir
from seqlab.config.plugins import providers

MODEL_GROUPS = ("embedding", "encoder", "head", "heads")
"""Config groups, and keys of a config, whose targets a bundle may name."""
MODEL_KEYS = ("embedding", "encoder", "heads")
"""Keys of the config that describe a labeler; a bundle keeps these."""


class SeqlabSearchPath(SearchPathPlugin):
    """Appends the `conf` folder of every installed plugin to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append each plugin's folder, named after its distribution."""
        for plugin in providers()[1:]:
            search_path.append(provider=plugin.distribution, path=f"file://{plugin.conf_dir}")


def register_search_path() -> None:
    """Add the options of plugins to Hydra's search path; safe to call again."""
    if SeqlabSearchPath not in Plugins.instance().discover(SearchPathPlugin):
        Plugins.instance().register(SeqlabSearchPath)


def compose(overrides: Sequence[str], *, config_name: str = "train") -> DictConfig:
    """Return the config that `seqlab train` would run with `overrides`, with the parts that suit the data set.

    `paths.run_dir` is filled in, and the node `hydra` removed.

    Raises: Hydra's errors about mistyped overrides, which `seqlab.config.mistakes.explain` explains.
    """
    config, run_dir = _with_hydra(overrides, config_name=config_name)
    with open_dict(config):
        config.pop("hydra")
        config.paths.run_dir = str(Path(run_dir).absolute())
    return config


def hydra_keys(overrides: Sequence[str]) -> DictConfig:
    """Return the node `hydra` that `seqlab train` would have with `overrides`."""
    config, _ = _with_hydra(overrides, config_name="train")
    found: DictConfig = config.hydra
    return found


def _with_hydra(overrides: Sequence[str], *, config_name: str) -> tuple[DictConfig, str]:
    """Return the whole config, and the run folder."""
    register_search_path()
    # Hydra allows one initialisation in a process, and a run inside `hydra.main` has one already.
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        config = hydra_compose(config_name, overrides=add_data_defaults(overrides), return_hydra_config=True)
        return config, config.hydra.run.dir


def options_of(group: str) -> list[str]:
    """Return the options of config group `group`, from seqlab and its plugins."""
    return sorted({option for provider in providers() for option in provider.groups().get(group, ())})


def names_in(group: str, option: str) -> list[str]:
    """Return the names that an option gives to its parts: the top-level keys of its file."""
    contents = [provider.contents.get(f"{group}/{option}", {}) for provider in providers()]
    return [name for content in contents for name in content if name != "defaults"]


def raw(config: DictConfig) -> dict[str, Any]:
    """Return `config` as dicts, lists and scalars, its interpolations as text."""
    content: Any = OmegaConf.to_container(config, resolve=False)
    return dict(content)


def plain(config: object) -> Any:
    """Return `config` as dicts, lists and scalars, its interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True, throw_on_missing=True) if OmegaConf.is_config(config) else config
