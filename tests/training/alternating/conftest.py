"""Runs on two data sets, entities of sentences and intents of requests: each set with a head of its own."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from seqlab.training.train import Run, train

TINY = (
    "embedding=[words]",
    "embedding.parts.words.width=6",
    "embedding.dropout.variational=0.2",
    "encoder.width=6",
    "max_tokens=64",
    "max_eval_tokens=64",
    "trainer.max_epochs=2",
    "n_threads=1",
    "seed=1",
)


def sized(path: str, *, n_train: int = 30) -> list[str]:
    return [f"{path}.reader.n_train={n_train}", f"{path}.reader.n_val=8", f"{path}.reader.n_test=10"]


TWO = (
    *TINY,
    "data=alternating",
    "+data@data.sets.news=sample",
    "+data@data.sets.requests=sample_intents",
    *sized("data.sets.news"),
    *sized("data.sets.requests", n_train=16),
    "head=[crf,sequence]",
    "heads.label.target.column=kind",
    "data.sets.news.scheme=BIO",
    "+data.sets.news.heads=[tags]",
    "+data.sets.requests.heads=[label]",
    "+data.sets.requests.columns={kind:label}",
)
"""Entities of sentences and intents of requests."""


def run_on(folder: Path, overrides: Sequence[str] = (), *, base: Sequence[str] = TWO) -> Run:
    return train([*base, f"hydra.run.dir={folder}", *overrides])


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Return the overrides for a model of any data."""
    return TINY


@pytest.fixture(scope="session")
def small() -> Callable[..., list[str]]:
    """Return the function of a data set's place in the config that gives the overrides for few records."""
    return sized


@pytest.fixture(scope="session")
def two_sets() -> tuple[str, ...]:
    """Return the overrides for both data sets."""
    return TWO


@pytest.fixture(scope="session")
def run() -> Callable[..., Run]:
    """Return the function of a folder and overrides that trains; `base` are other overrides than those for both sets."""
    return run_on


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run on both sets."""
    return run_on(tmp_path_factory.mktemp("alternating") / "run")
