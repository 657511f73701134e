"""The bundle of a small run, with a copy of it to damage."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqlab.model.bundle_files import write_content
from seqlab.testing.runs import train_small, write_corpus

VECTORS = "ada 1 0 0\nkiel 0 1 0\nzebra 0 0 1\n"
# `zebra` stands in no sentence of the corpus.


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run whose corpus and vectors are gone."""
    folder = tmp_path_factory.mktemp("bundle")
    vectors = folder / "vectors.txt"
    vectors.write_text(VECTORS, encoding="utf-8")
    data = write_corpus(folder / "data")
    overrides = [f"vectors=[{vectors}]", "embedding=[words,char_cnn,vectors]", "head=[crf,sequence]"]
    run = train_small(data, folder / "run", [*overrides, "monitor=val/tags/span_f1/strict", "trainer.max_epochs=1"])
    vectors.unlink()
    shutil.rmtree(data)
    return run.folder


@pytest.fixture
def model(run_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the model that a test may damage."""
    return Path(shutil.copytree(run_folder / "model", tmp_path / "model"))


@pytest.fixture
def content(model: Path) -> dict[str, Any]:
    """Return what the copy's `bundle.json` says."""
    content: dict[str, Any] = json.loads((model / "bundle.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture
def rewrite(model: Path) -> Callable[[object], None]:
    """Return the function that has the copy's `bundle.json` say something else."""

    def write(content: object) -> None:
        if isinstance(content, dict):  # with right hashes, as an attacker would write it
            write_content(model, {key: value for key, value in content.items() if key != "sha256"})
        else:
            (model / "bundle.json").write_text(json.dumps(content), encoding="utf-8")

    return write
