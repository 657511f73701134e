"""The sample corpora, each read once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import pytest

from seqlab.data.sample import SampleReader


@cache
def read(corpus: str, split: str, n: int = 200, seed: int = 1) -> datasets.Dataset:
    return SampleReader(corpus=corpus, n_train=n, n_val=n, n_test=n, seed=seed).read(Path(split))


@cache
def as_columns(corpus: str, split: str, n: int = 200) -> dict[str, list[Any]]:
    return read(corpus, split, n).to_dict()


@pytest.fixture(scope="session")
def sample() -> Callable[..., datasets.Dataset]:
    """Return the function of corpus, split, number of records and seed that reads them."""
    return read


@pytest.fixture(scope="session")
def columns() -> Callable[..., dict[str, list[Any]]]:
    """Return the function of corpus, split and number of records that gives them as lists."""
    return as_columns
