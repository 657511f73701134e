"""Runs on records annotated in part, from the training to labelled text."""

import json
import random
from pathlib import Path

import pytest

import seqlab
from seqlab.cli import main
from seqlab.errors import ConfigError, DataError

NAMES, PLACES, OTHERS = ["Ada", "Kurt", "Emmy", "Alan"], ["Oslo", "Kiel", "Bonn", "Graz"], ["saw", "in", "the", "and", "went"]
TINY = (
    *("data=conll", "data.scheme=BIO", "head=[crf_partial]", "embedding=[words]", "encoder.width=12", "max_tokens=64"),
    *("optimizer.lr=0.03", "trainer.max_epochs=6", "callbacks=none", "n_threads=1", "seed=1"),
)


def write(path: Path, *, n: int, share: float, seed: int) -> None:
    """Write `n` records; a `share` of their steps is not annotated, half as many may be a person or a place."""
    dice, lines = random.Random(seed), []
    for _ in range(n):
        for _ in range(dice.randint(1, 6)):
            word = dice.choice([*NAMES, *PLACES, *OTHERS])
            tag = "B-PER" if word in NAMES else "B-LOC" if word in PLACES else "O"
            drawn = dice.random()
            if drawn < share:
                tag = "_"
            elif drawn < 1.5 * share and tag != "O":
                tag = "B-PER|B-LOC"
            lines.append(f"{word}\t{tag}")
        lines.append("")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "train.conll", n=80, share=0.5, seed=1)
    write(tmp_path / "dev.conll", n=40, share=0.1, seed=2)
    write(tmp_path / "test.conll", n=30, share=0.0, seed=3)
    return tmp_path


@pytest.mark.slow
def test_half_of_the_annotation_is_enough(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = seqlab.train([*TINY, f"data.dir={folder}", f"paths.root_dir={folder}"])
    assert run.metrics["test"]["span_f1"]["strict"] > 0.95
    assert run.metrics["val"]["per_type"]["PER"]["support"] > 0
    assert json.loads((run.model / "bundle.json").read_text())["facts"]["precision"]["tags"]["PER"]["points"]
    assert main(["evaluate", str(run.folder), "--split", "val", "--min-precision", "0.9", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["min_precision"]["precision"] > 0.85
    assert main(["predict", str(run.folder), str(folder / "test.conll"), "--min-precision", "0.5"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 30


def test_a_split_without_any_record_annotated_in_full_cannot_be_scored(folder: Path) -> None:
    write(folder / "dev.conll", n=10, share=1.0, seed=4)
    with pytest.raises(DataError, match="no record of val is fully annotated"):
        seqlab.train([*TINY, f"data.dir={folder}", f"paths.root_dir={folder}"])


def test_the_scheme_is_not_guessed(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.scheme is auto, but tags are annotated in part"):
        seqlab.train([*TINY, "data.scheme=auto", f"data.dir={folder}", f"paths.root_dir={folder}"])
