"""The plugin's tests run under checked shapes and from fixed seeds, as seqlab's own do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook(["seqlab", "seqlab_sweep"], "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Give each test the same random numbers in whatever order tests run, and leave the caller's as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from seqlab_sweep.attributes import StudyFacts
from seqlab_sweep.searching import Objective
from seqlab_sweep.stores import Store
from seqlab_sweep.study import SharedStudy, plain_space

SPACE: dict[str, BaseDistribution] = {
    "optimizer.lr": FloatDistribution(1e-4, 1e-2, log=True),
    "encoder": CategoricalDistribution(["lstm", "gru"]),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store in a SQLite file that is not there yet."""
    return Store(f"sqlite:///{tmp_path}/multiruns/mine/study.db")


@pytest.fixture
def shared(store: Store) -> SharedStudy:
    """Return a study of two parameters, just begun."""
    study = SharedStudy.started(store, "mine", objectives=[Objective("monitor", "maximize")])
    facts = StudyFacts(
        space=plain_space(SPACE),
        objectives=[{"name": "monitor", "direction": "maximize"}],
        overrides=["hparams_search=tpe", "data=sample"],
        sampler="tpe",
        pruner="none",
        n_trials=5,
        folder=str(store.path.parent) if store.path else None,
        monitor="val/span_f1/strict",
    )
    study.settle(facts)
    return study


@pytest.fixture
def space() -> dict[str, BaseDistribution]:
    """Return what that study searches."""
    return SPACE
