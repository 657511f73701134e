from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqlab.config.build import build, known_targets
from seqlab.config.paths import config_dir
from seqlab.data.readers import Reader


@pytest.fixture
def open_reader() -> Callable[..., Reader]:
    """Return a function that builds the reader of a data option with the defaults of conf/, changed by keywords."""

    def build_reader(option: str, **changes: Any) -> Reader:
        settings = yaml.safe_load((config_dir() / "data" / f"{option}.yaml").read_text(encoding="utf-8"))["reader"]
        reader: Reader = build(settings | changes, targets=known_targets(("data",)), path="data.reader")
        return reader

    return build_reader


@pytest.fixture(scope="session")
def corpora(repository: Path) -> Path:
    """Return the folder of real corpora, which lies beside the repository."""
    folder = repository.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no corpora at {folder}")
    return folder
