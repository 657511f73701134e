"""A tiny corpus and one-second runs on it, for testing parts within a whole model."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seqlab.model.bundle_files import BUNDLE_FILE, HASHES, write_content
from seqlab.training.train import Run, train

SENTENCES = (
    (["Ada", "met", "Kiel"], ["B-PER", "O", "B-LOC"], "ask"),
    (["Ada", "Lovelace", "slept"], ["B-PER", "I-PER", "O"], "tell"),
    (["rain"], ["O"], "tell"),
    (["New", "York", "and", "Kiel", "."], ["B-LOC", "I-LOC", "O", "B-LOC", "O"], "ask"),
    (["Bob", "saw", "Ada", "."], ["B-PER", "O", "B-PER", "O"], "ask"),
    (["it", "fell", "on", "Kiel"], ["O", "O", "O", "B-LOC"], "tell"),
)
"""Tokens, BIO tags and record label."""

SMALL = (
    "data=lines",
    "data.scheme=BIO",
    "embedding=[words,char_cnn]",
    "embedding.parts.words.width=8",
    "embedding.parts.characters.char_width=4",
    "embedding.parts.characters.n_filters=8",
    "encoder.width=8",
    "max_tokens=12",
    "max_eval_tokens=12",
    "trainer.max_epochs=2",
    # A fixed order of sums, so that runs can be compared to the bit.
    "n_threads=1",
)
"""Overrides for the smallest model with every kind of part."""


def write_corpus(folder: Path) -> Path:
    """Write overlapping splits of the sentences to `folder`, in the format of `data=lines`; return `folder`."""
    for split, chosen in (("train", SENTENCES), ("dev", SENTENCES[:4]), ("test", SENTENCES[2:])):
        (folder / split).mkdir(parents=True)
        columns = {
            "seq.in": [" ".join(tokens) for tokens, _, _ in chosen],
            "seq.out": [" ".join(tags) for _, tags, _ in chosen],
            "label": [label for _, _, label in chosen],
        }
        for name, lines in columns.items():
            (folder / split / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def train_small(data: Path, folder: Path, overrides: Sequence[str] = ()) -> Run:
    """Train the small model, changed by `overrides`, on the corpus in `data`; write the run to `folder`."""
    return train([*SMALL, f"data.dir={data}", f"hydra.run.dir={folder}", *overrides])


def change_bundle(model: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Copy a bundle to `folder`, with what `change` makes of the content of its `bundle.json` and right hashes."""
    shutil.copytree(model, folder, dirs_exist_ok=True)
    content = json.loads((folder / BUNDLE_FILE).read_text(encoding="utf-8"))
    del content[HASHES]
    change(content)
    write_content(folder, content)
    return folder
