"""Two small models: one finds spans by words and characters, one tags by words and their parts of speech."""

from itertools import product
from pathlib import Path

import pytest

import seqlab

SMALL = (
    "data.reader.columns.tags=2",
    "+data.reader.columns.upos=1",
    "data.splits={train: train.conll, val: train.conll, test: null}",
    "encoder.width=12",
    "embedding.dropout={variational: 0.0}",
    "encoder.output_drop_prob=0",
    "max_tokens=64",
    "optimizer.lr=0.02",
    "callbacks=none",
    "n_threads=1",
)
PEOPLE = ("Ada", "Alan Turing", "Grace Hopper", "Kurt", "Emmy Noether")
PLACES = ("Paris", "New York", "Oslo", "Rio de Janeiro")


@pytest.fixture(scope="session")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a CoNLL file whose persons and places a small model learns by heart."""
    folder = tmp_path_factory.mktemp("sentences")
    lines = (
        [*_lines(person, "PER"), "visited VERB O", *_lines(place, "LOC"), ". PUNCT O", ""]
        for person, place in product(PEOPLE, PLACES)
    )
    (folder / "train.conll").write_text("\n".join(line for sentence in lines for line in sentence), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tagger(sentences: Path, tmp_path_factory: pytest.TempPathFactory) -> seqlab.Tagger:
    """Return a BiLSTM-CRF over words and characters that knows persons and places."""
    root = tmp_path_factory.mktemp("spans")
    parts = ["data=conll", "embedding=[words,char_cnn]", "head=[crf]", "data.scheme=BIO", "trainer.max_epochs=12"]
    run = seqlab.train([*parts, *SMALL, f"data.dir={sentences}", f"paths.root_dir={root}"])
    return seqlab.load(run.folder)


@pytest.fixture(scope="session")
def reading_upos(sentences: Path, tmp_path_factory: pytest.TempPathFactory) -> seqlab.Tagger:
    """Return a softmax model that reads `upos` beside the tokens."""
    root = tmp_path_factory.mktemp("columns")
    parts = ["data=conll", "embedding=[words,column]", "head=[softmax]", "trainer.max_epochs=2", "data.scheme=null"]
    run = seqlab.train([*parts, *SMALL, f"data.dir={sentences}", f"paths.root_dir={root}"])
    return seqlab.load(run.folder)


def _lines(name: str, label: str) -> list[str]:
    return [f"{word} PROPN {'I' if i else 'B'}-{label}" for i, word in enumerate(name.split())]
