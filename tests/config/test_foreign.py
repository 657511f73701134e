"""Files of a config folder from elsewhere: Hydra acts on nothing in them that no installed config names."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from seqlab.config.compose import register_search_path
from seqlab.config.foreign import GuardedLoader, check_hydra
from seqlab.config.overrides import Overrides
from seqlab.config.paths import config_dir
from seqlab.errors import ConfigError

SYSTEM = {"_target_": "os.system"}
HANDLER = "hydra.job_logging.handlers.x"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "callback": ({"callbacks": {"x": SYSTEM}}, "hydra.callbacks.x._target_ is 'os.system', a class"),
    "launcher": ({"launcher": SYSTEM}, "hydra.launcher._target_ is 'os.system', a class"),
    "sweeper": ({"sweeper": SYSTEM}, "hydra.sweeper._target_ is 'os.system', a class"),
    "callback elsewhere": (
        {"callbacks": {"x": "${elsewhere}"}},
        r"hydra.callbacks.x is '\$\{elsewhere\}', an interpolation of",
    ),
    "target elsewhere": ({"launcher": {"_target_": "${name}"}}, r"hydra.launcher._target_ is '\$\{name\}', a class"),
    "callbacks": ({"callbacks": "${nested}"}, r"hydra.callbacks is '\$\{nested\}', an interpolation of a whole node"),
    "resolver": ({"sweeper": {"max_batch_size": "${oc.env:A}"}}, "max_batch_size is .*, an interpolation that may name any"),
    "escaped": ({"sweeper": {"params": {"a": r"\${oc.env:A}"}}}, "params.a is .*, an interpolation that may name any object"),
    "jobs": ({"sweeper": {"params": {"+hydra.verbose": "true"}}}, "verbose is 'true', a setting of Hydra for the jobs"),
    "class": ({"job_logging": {"handlers": {"x": {"class": "logging.handlers.SMTPHandler"}}}}, f"{HANDLER}.class is 'logging"),
    "factory": ({"job_logging": {"handlers": {"x": {"()": "os.getcwd"}}}}, rf"{HANDLER}.\(\) is 'os.getcwd', a class"),
    "object": (
        {"job_logging": {"handlers": {"x": {"stream": "ext://os.system"}}}},
        f"{HANDLER}.stream is 'ext://os.system', an",
    ),
    "attribute": ({"job_logging": {"handlers": {"x": {".": {"a": "b"}}}}}, f"{HANDLER}...a is 'b', an attribute"),
    "file": ({"job_logging": {"handlers": {"file": {"filename": "/etc/x"}}}}, "file.filename is '/etc/x', a file outside"),
    "formatter": ({"hydra_logging": {"formatters": {"x": {"class": "a.B"}}}}, "formatters.x.class is 'a.B', a class"),
    "logging elsewhere": ({"hydra_logging": "${nested}"}, "hydra.hydra_logging is .*, an interpolation, which may name any"),
    "variable": ({"job": {"env_set": {"PATH": "/x"}}}, "hydra.job.env_set.PATH is '/x', a variable of the environment"),
    "copied": ({"job": {"env_copy": ["HOME"]}}, "hydra.job.env_copy is 'HOME', a variable of the environment"),
    "name": ({"job": {"name": "../x"}}, "hydra.job.name is '../x', no name of a file"),
}
FITTING: dict[str, dict[str, Any]] = {
    "run": {"run": {"dir": "runs/${now:%H}"}, "job": {"name": "mine"}, "output_subdir": None, "verbose": True},
    "sweep": {"sweeper": {"params": {"seed": "1,2", "encoder": "gru"}}, "sweep": {"subdir": "${seed}"}},
    "console": {"job_logging": {"handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}}}},
    "file": {"job_logging": {"handlers": {"file": {"filename": "${hydra.runtime.output_dir}/mine.log"}}}},
    "format": {"hydra_logging": {"formatters": {"simple": {"format": "%(message)s"}}}},
}


ELSEWHERE = {"name": "os.system", "elsewhere": SYSTEM, "nested": {"x": SYSTEM}}


def loader(folder: Path, *typed: str, main: Path | None = None) -> GuardedLoader:
    """Return the loader of `seqlab train --config-dir folder` with overrides."""
    register_search_path()
    search_path = create_config_search_path(str(main or config_dir()))
    search_path.prepend(provider="command-line", path=f"file://{folder}", anchor=SearchPathQuery(provider="schema"))
    return GuardedLoader(search_path, typed=Overrides.parse(typed))


@cache
def own_config() -> DictConfig:
    register_search_path()
    return ConfigLoaderImpl(create_config_search_path(str(config_dir()))).load_configuration("train", [], RunMode.RUN)


def check(folder: Path, hydra: dict[str, Any], *typed: str) -> None:
    """Check a config in which a file of `folder` sets the node `hydra`."""
    (folder / "mine.yaml").write_text(yaml.safe_dump({"hydra": hydra}), encoding="utf-8")
    config = copy.deepcopy(own_config())
    with open_dict(config):
        for key, value in {**ELSEWHERE, **{f"hydra.{name}": value for name, value in hydra.items()}}.items():
            OmegaConf.update(config, key, value, force_add=True)
    check_hydra(config, Overrides.parse(typed), folders=[folder])


@pytest.mark.parametrize("name", REFUSED)
def test_what_hydra_would_act_on_is_refused(tmp_path: Path, name: str) -> None:
    hydra, message = REFUSED[name]
    with pytest.raises(ConfigError, match=rf"mine\.yaml: .*{message}.*; remove it, or, if you trust it, type hydra\."):
        check(tmp_path, hydra)


@pytest.mark.parametrize("name", FITTING)
def test_settings_of_runs_and_sweeps_are_free(tmp_path: Path, name: str) -> None:
    check(tmp_path, FITTING[name])


def test_what_the_user_types_is_free(tmp_path: Path) -> None:
    typed = "+hydra.callbacks.x._target_=os.getcwd"
    check(tmp_path, {"callbacks": {"x": {"_target_": "os.getcwd"}}}, typed)


@pytest.mark.parametrize("mode", [RunMode.RUN, RunMode.MULTIRUN])
def test_the_loader_checks_files_of_folders_from_elsewhere(tmp_path: Path, mode: RunMode) -> None:
    (tmp_path / "experiment").mkdir()
    content = "# @package _global_\nhydra: {callbacks: {x: {_target_: os.system}}}\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"experiment/mine\.yaml: hydra\.callbacks\.x\._target_ is 'os\.system', a class"):
        loader(tmp_path).load_configuration("train", ["experiment=mine"], mode)


def test_files_reached_by_a_path_are_checked_too(tmp_path: Path) -> None:
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "mine.yaml").write_text("# @package _global_\nhydra: {job: {name: a/b}}\n", encoding="utf-8")
    word = f"experiment={'../' * (len(config_dir().parts) + 1)}{str(folder)[1:]}/mine"
    with pytest.raises(ConfigError, match=r"hydra\.job\.name is 'a/b', no name of a file"):
        loader(config_dir(), word).load_configuration("train", [word], RunMode.RUN)


def test_a_main_config_from_elsewhere_names_no_modules_to_search(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("hydra: {searchpath: ['pkg://this_would_be_imported']}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"hydra\.searchpath is 'pkg://this_would_be_imported', a module, which Hydra"):
        loader(tmp_path, main=tmp_path).load_configuration("mine", [], RunMode.RUN)
