"""Every option composes and builds the class it names."""

import math
import re
from typing import Any

import optuna
import pytest
from omegaconf import OmegaConf
from seqlab_sweep.options import Options, words_of_runs
from seqlab_sweep.searching import build_pruner, build_sampler, read_objectives
from seqlab_sweep.trial import finite

from seqlab.config.compose import plain
from seqlab.config.plugins import discover
from seqlab.errors import ConfigError

(PLUGIN,) = (plugin for plugin in discover().plugins if plugin.name == "sweep")
PRUNERS = {"none": "NopPruner", "asha": "SuccessiveHalvingPruner", "median": "MedianPruner", "hyperband": "HyperbandPruner"}
SAMPLERS = {"grid": "GridSampler", "random": "RandomSampler", "tpe": "TPESampler", "cmaes": "CmaEsSampler"}
SAMPLERS["nsga2"] = "NSGAIISampler"


def sweeper_of(*overrides: str) -> dict[str, Any]:
    """Return the options that Hydra would pass to the sweeper."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.utils import setup_globals

    from seqlab.config.compose import register_search_path
    from seqlab.config.paths import config_dir

    register_search_path()
    setup_globals()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        config = compose("train", overrides=list(overrides), return_hydra_config=True)
    OmegaConf.set_struct(config, False)
    found: dict[str, Any] = plain(config.hydra.sweeper)
    return {key: value for key, value in found.items() if not key.startswith("_")}


def test_every_option_is_covered() -> None:
    groups = PLUGIN.groups()
    assert groups["hydra/sweeper/pruner"] == sorted(PRUNERS)
    assert groups["hydra/sweeper/sampler"] == sorted(SAMPLERS)
    assert groups["hparams_search"] == ["cmaes", "grid", "pareto", "random", "tpe"]


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_build_and_draw(name: str) -> None:
    options = sweeper_of("hparams_search=tpe", f"hydra/sweeper/sampler={name}")
    assert options["sampler"]["name"] == name
    sampler = build_sampler(options["sampler"], seed=1, number=0, grid={"x": [1, 2]})
    assert type(sampler).__name__ == SAMPLERS[name]
    trial = optuna.create_study(sampler=sampler).ask({"x": optuna.distributions.CategoricalDistribution([1, 2])})
    assert trial.params["x"] in (1, 2)


@pytest.mark.parametrize("name", PRUNERS)
def test_pruners_build(name: str) -> None:
    options = sweeper_of("hparams_search=random", f"hydra/sweeper/pruner={name}", "trainer.max_epochs=7")
    assert type(build_pruner(options["pruner"])).__name__ == PRUNERS[name]
    assert options["pruner"].get("max_resource") in (None, 7)


def test_options_of_every_search_are_complete() -> None:
    for name in PLUGIN.groups()["hparams_search"]:
        options = Options.checked(sweeper_of(f"hparams_search={name}", "monitor_mode=min", "seed=5"))
        assert options.seed == 5
        assert options.numbered_objectives[0].direction == "minimize"
        assert (len(options.objectives) == 3) == (name == "pareto")
        assert options.sampler["name"] == ("tpe" if name == "pareto" else name)


@pytest.mark.parametrize(("direction", "expected"), [("max", "maximize"), ("minimize", "minimize")])
def test_directions_have_two_spellings(direction: str, expected: str) -> None:
    assert read_objectives({"monitor": direction})[0].direction == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_objectives_are_finite(value: float) -> None:
    assert finite({"monitor": 0.5, "latency_ms": 2.0}) == [0.5, 2.0]
    with pytest.raises(ValueError, match=rf"val/loss is {value}; expected a finite number"):
        finite({"monitor": 0.5, "val/loss": value})


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"hydra.sweeper.n_trails: unknown key; expected study_name"):
        Options.checked(sweeper_of("hparams_search=tpe", "+hydra.sweeper.n_trails=4"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heartbeat_seconds": "abc"}, "hydra.sweeper.heartbeat_seconds is 'abc'; expected a number of seconds"),
        ({"lost_after_seconds": None}, "hydra.sweeper.lost_after_seconds is None; expected a number of seconds"),
        ({"heartbeat_seconds": True}, "hydra.sweeper.heartbeat_seconds is True; expected a number of seconds"),
        ({"heartbeat_seconds": 90}, "hydra.sweeper.lost_after_seconds is 90; expected more than heartbeat_seconds (90)"),
        (
            {"objectives": "monitor"},
            "hydra.sweeper.objectives is 'monitor'; expected a direction per name, as in {monitor: max}",
        ),
        ({"objectives": ["monitor"]}, "hydra.sweeper.objectives is ['monitor']; expected a direction per name"),
        ({"objectives": {"monitor": ["max"]}}, "hydra.sweeper.objectives.monitor is ['max']; expected max or min"),
        ({"objectives": {}}, "hydra.sweeper.objectives is empty"),
        ({"storage": 3}, "hydra.sweeper.storage is 3; expected null (SQLite), sqlite:///FILE"),
        ({"params": ["seed=1,2"]}, "hydra.sweeper.params is ['seed=1,2']; expected a search space per key"),
        ({"params": None}, "hydra.sweeper.params is None; expected a search space per key"),
        (
            {"sampler": "tpe"},
            "hydra.sweeper.sampler is 'tpe'; expected a mapping of options; choose one with hydra/sweeper/sampler=…",
        ),
        ({"pruner": {"min_resource": 1}}, "hydra.sweeper.pruner has no key `name`; add one"),
        ({"study_name": None}, "hydra.sweeper.study_name is None; expected a folder name"),
    ],
)
def test_options_of_another_kind_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Options.checked(sweeper_of("hparams_search=tpe") | change)


def test_missing_options_are_refused() -> None:
    given = sweeper_of("hparams_search=tpe")
    del given["retries"]
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.retries is missing; expected study_name"):
        Options.checked(given)


def test_numbers_name_studies() -> None:
    assert Options.checked(sweeper_of("hparams_search=tpe", "hydra.sweeper.study_name=2024")).study_name == "2024"


def test_a_trial_keeps_hydra_settings_except_those_of_the_sweep() -> None:
    typed = [
        "hydra.job.chdir=true",
        "hydra.sweeper.n_trials=4",
        "hydra/sweeper/pruner=asha",
        "hydra.mode=MULTIRUN",
        "+hydra.sweeper.x=1",
    ]
    assert words_of_runs(["--config-dir", "mine"], typed) == ["--config-dir", "mine", "hydra.mode=RUN", "hydra.job.chdir=true"]
