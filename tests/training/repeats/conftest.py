"""A corpus, and a run on it that was repeated by seeds and one by folds."""

from pathlib import Path

import pytest

from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.train import Run

FAST = ["trainer.max_epochs=1", "seed=7"]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the corpus."""
    return write_corpus(tmp_path_factory.mktemp("corpus") / "data")


@pytest.fixture(scope="session")
def by_seeds(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run with seeds 7 and 8."""
    return train_small(corpus, tmp_path_factory.mktemp("seeds"), [*FAST, "repeat.seeds=2"])


@pytest.fixture(scope="session")
def by_folds(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run over 3 folds."""
    return train_small(corpus, tmp_path_factory.mktemp("folds"), [*FAST, "repeat.folds=3"])
