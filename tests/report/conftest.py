"""A tiny run of each kind of head, to report on."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from seqlab.testing.runs import SMALL, train_small, write_corpus
from seqlab.training.train import Run, train

SAMPLE = (
    *("data.reader.n_train=40", "data.reader.n_val=10", "data.reader.n_test=12"),
    *("encoder.width=8", "max_tokens=100", "trainer.max_epochs=2", "n_threads=1", "seed=1"),
)
KINDS = {
    "segments": ("data=sample", "head=[segment]", "embedding=[words]"),
    "nested": ("data=sample", "head=[biaffine]", "embedding=[words]"),
    "temporal": ("data=sample_frames",),
    "pairs": ("experiment=sample_pairs",),
}


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the tiny corpus."""
    return write_corpus(tmp_path_factory.mktemp("report") / "data")


@pytest.fixture(scope="session")
def run_of_kind(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Run]:
    """Return a run of spans with a label of the record, of tags, of labels, and of each of KINDS."""
    root = tmp_path_factory.mktemp("report-runs")
    flow = ["callbacks=[default,gradient_flow]", "callbacks.gradient_flow.every_n_steps=1"]
    runs = {
        "both": train_small(corpus, root / "both", ["head=[crf,sequence]", "trainer.max_epochs=8", "optimizer.lr=0.05", *flow]),
        "tags": train_small(corpus, root / "tags", ["head=[softmax]", "data.scheme=null"]),
        "labels": train(
            [*SMALL[2:], "data=lines", *_labels(corpus, root), "head=[multilabel]", f"hydra.run.dir={root / 'labels'}"]
        ),
    }
    return runs | {name: train([*words, *SAMPLE, f"hydra.run.dir={root / name}"]) for name, words in KINDS.items()}


def _labels(corpus: Path, root: Path) -> list[str]:
    """Write the corpus with two labels in some records; return where it is."""
    folder = root / "labelled"
    for split in ("train", "dev", "test"):
        (folder / split).mkdir(parents=True)
        for name in ("seq.in", "label"):
            text = (corpus / split / name).read_text(encoding="utf-8")
            (folder / split / name).write_text(text.replace("ask", "ask#short"), encoding="utf-8")
    return [f"data.dir={folder}", "data.reader.label_separator='#'", "~data.reader.files.tags", "data.scheme=null"]
