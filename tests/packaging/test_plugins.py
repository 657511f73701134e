"""The plugins of this repository, installed beside seqlab as users install them."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SMALL = ["data.reader.n_train=40", "data.reader.n_val=10", "data.reader.n_test=10", "trainer.max_epochs=1", "n_threads=1"]


def plugin(repository: Path, name: str, copies: Path) -> Path:
    """Return a copy of a plugin's folder, so that a build leaves nothing in the checkout."""
    source = repository / "plugins" / name
    if not source.is_dir():
        pytest.skip("the sdist has no plugins")
    copy = copies / name
    for path in source.rglob("*"):
        if path.is_file() and not {"__pycache__", "tests", "benchmarks"} & set(path.parts):
            target = copy / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return copy


def test_trees_are_encoded(installation, repository: Path, tmp_path: Path) -> None:
    installation.install(plugin(repository, "seqlab-recnn", tmp_path))
    folder = installation.folder / "trees"
    installation.run("seqlab", "train", "encoder=treelstm", "data=sample_trees", *SMALL, f"hydra.run.dir={folder}")
    assert "accuracy" in json.loads((folder / "metrics.json").read_text())["test"]
    records = installation.folder / "records.jsonl"
    records.write_text(json.dumps({"tokens": ["not", "bad"], "tree": "(3 (2 not) (1 bad))"}) + "\n")
    labelled = json.loads(installation.run("seqlab", "predict", "trees", str(records), "--input-format", "jsonl"))
    assert len(labelled["predictions"]["label"]["labels"]) == 1
