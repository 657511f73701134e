"""Small runs to command: spans, parts of speech, whole sentences, and two heads at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

import seqlab

SENTENCES = (
    ("Ada/B-PER", "Lovelace/I-PER", "visited/O", "Paris/B-LOC"),
    ("Kurt/B-PER", "saw/O", "New/B-LOC", "York/I-LOC", "./O"),
    ("who/O", "visited/O", "Oslo/B-LOC", "?/O"),
    ("it/O", "rains/O", "./O"),
)
LABELS = ("travel", "travel", "question", "weather")
SMALL = (
    "embedding=[words,char_cnn]",
    "encoder.width=12",
    "embedding.dropout={variational: 0.0}",
    "encoder.output_drop_prob=0",
    "embedding.parts.words.unknown_alpha=0",
    "optimizer.lr=0.05",
    "max_tokens=20",
    "trainer.max_epochs=15",
    "callbacks=none",
    "n_threads=1",
)
HEADS = {
    "spans": ("head=[crf]", "data.scheme=BIO"),
    "tags": ("head=[softmax]", "data.scheme=null"),
    "label": ("head=[sequence]",),
    "both": ("head=[crf,sequence]", "data.scheme=BIO"),
}


@pytest.fixture(scope="session")
def lines_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose `train` and `test` have parallel files of the sentences."""
    root = tmp_path_factory.mktemp("lines")
    for split, n_times in (("train", 4), ("test", 1)):
        folder = root / split
        folder.mkdir()
        pairs = [[token.rsplit("/", 1) for token in sentence] for sentence in SENTENCES] * n_times
        _write(folder / "seq.in", [" ".join(token for token, _ in pair) for pair in pairs])
        _write(folder / "seq.out", [" ".join(tag for _, tag in pair) for pair in pairs])
        _write(folder / "label", list(LABELS) * n_times)
    return root


@pytest.fixture(scope="session")
def conll_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sentences as a CoNLL file."""
    path = tmp_path_factory.mktemp("conll") / "test.conll"
    blocks = ["".join("\t".join(token.rsplit("/", 1)) + "\n" for token in sentence) for sentence in SENTENCES]
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def runs(lines_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, seqlab.Run]:
    """Return a run for each of HEADS."""
    root = tmp_path_factory.mktemp("runs")
    data = ["data=lines", f"data.dir={lines_data}", "data.splits={train: train, val: test, test: test}"]
    return {name: seqlab.train([*data, *SMALL, *heads, f"paths.root_dir={root / name}"]) for name, heads in HEADS.items()}


@pytest.fixture
def model(runs: Mapping[str, seqlab.Run]) -> str:
    """Return the folder of the run that finds spans."""
    return str(runs["spans"].folder)


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
