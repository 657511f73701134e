"""A tiny corpus on disk, and runs on it that take a second."""

from collections.abc import Sequence
from pathlib import Path

from seqlab.training import Run, train

SENTENCES = [
    (["Ada", "met", "Kiel"], ["B-PER", "O", "B-LOC"], "ask"),
    (["Ada", "Lovelace", "slept"], ["B-PER", "I-PER", "O"], "tell"),
    (["rain"], ["O"], "tell"),
    (["New", "York", "and", "Kiel", "."], ["B-LOC", "I-LOC", "O", "B-LOC", "O"], "ask"),
    (["Bob", "saw", "Ada", "."], ["B-PER", "O", "B-PER", "O"], "ask"),
    (["it", "fell", "on", "Kiel"], ["O", "O", "O", "B-LOC"], "tell"),
]

SMALL = [
    "data=conll",
    "data.scheme=BIO",
    "embedding=[words,char_cnn]",
    "embedding.parts.words.width=8",
    "embedding.parts.characters.char_width=4",
    "embedding.parts.characters.n_filters=8",
    "encoder=lstm",
    "encoder.width=8",
    "max_tokens=12",
    "trainer.max_epochs=2",
    "n_threads=1",
]
"""Overrides for the smallest model that has every kind of part."""


def write_conll(folder: Path) -> Path:
    """Write train, dev and test in CoNLL format into `folder`."""
    blocks = ["".join(f"{t}\t{g}\n" for t, g in zip(tokens, tags, strict=True)) for tokens, tags, _ in SENTENCES]
    folder.mkdir(parents=True, exist_ok=True)
    for name, chosen in (("train", blocks), ("dev", blocks[:4]), ("test", blocks[2:])):
        (folder / f"{name}.conll").write_text("\n".join(chosen), encoding="utf-8")
    return folder


def run_on(data: Path, folder: Path, overrides: Sequence[str] = ()) -> Run:
    """Train the small model on the corpus in `data`; the run goes to `folder`."""
    return train([*SMALL, f"data.dir={data}", f"hydra.run.dir={folder}", *overrides])
