"""A tiny corpus, a run on it, and what to compare runs by."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.train import Run


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the corpus."""
    return write_corpus(tmp_path_factory.mktemp("corpus") / "data")


@pytest.fixture(scope="session")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run with two heads and seed 0."""
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "seed=0"]
    return train_small(data, tmp_path_factory.mktemp("run"), overrides)


@pytest.fixture(scope="session")
def weights() -> Callable[[Run], bytes]:
    """Return the function that reads the weights of a run's model."""
    return lambda run: (run.model / "weights.safetensors").read_bytes()


@pytest.fixture(scope="session")
def json_of() -> Callable[[Path], Any]:
    """Return the function that reads a JSON file."""
    return lambda path: json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def logged() -> Callable[[Run, str], list[float]]:
    """Return the function of a run and a name that reads what the CSV logger wrote under it, epoch by epoch."""

    def read(run: Run, name: str) -> list[float]:
        with next((run.folder / "csv").rglob("metrics.csv")).open(newline="") as file:
            return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]

    return read
