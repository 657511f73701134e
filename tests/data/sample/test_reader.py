"""The sample corpora are the same on every machine, and other ones for other seeds, splits and sizes."""

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

import datasets
import pytest

from seqlab.data.sample import SampleReader
from seqlab.errors import ConfigError, DataError

CORPORA = ("tags", "intents", "trees", "pairs", "frames", "weather")
SPLITS = ("train", "val", "test")
PINNED_SENTENCE = "Will the supplier Kellstone Systems default at the harbour in Nagara Island ?"
PINNED_FRAMES = (list("sansilililo"), [-1.5683, 0.5864, -0.4507, 0.0796])
Sample: TypeAlias = Callable[..., datasets.Dataset]
Columns: TypeAlias = Callable[..., dict[str, list[Any]]]


@pytest.mark.parametrize("corpus", CORPORA)
def test_read_same_seed_gives_same_records(corpus: str) -> None:
    first, again = (SampleReader(corpus=corpus, n_train=50, n_val=50, n_test=50, seed=3).read(Path("test")) for _ in range(2))
    assert first.to_list() == again.to_list()


@pytest.mark.parametrize("corpus", CORPORA)
def test_read_other_seeds_and_splits_give_other_records(sample: Sample, corpus: str) -> None:
    column = {"frames": "labels", "weather": "tags"}.get(corpus, "tokens")
    contents = [list(sample(corpus, split, 50, seed)[column]) for split in SPLITS for seed in (3, 4)]
    assert all(first != second for first, second in combinations(contents, 2))


@pytest.mark.parametrize("corpus", CORPORA)
def test_read_any_size_starts_with_same_records(sample: Sample, corpus: str) -> None:
    assert sample(corpus, "val", 7).to_list() == sample(corpus, "val", 20).to_list()[:7]
    assert sample(corpus, "val", 7)["id"][-1] == f"{corpus}-val-6"


@pytest.mark.parametrize("corpus", CORPORA)
def test_read_no_records_keeps_columns(sample: Sample, corpus: str) -> None:
    assert len(sample(corpus, "train", 0)) == 0
    assert sample(corpus, "train", 0).features == sample(corpus, "train").features


@pytest.mark.slow
def test_read_does_not_depend_on_hash_seed() -> None:
    program = (
        "from pathlib import Path; from seqlab.data.sample import SampleReader\n"
        f"for corpus in {CORPORA}:\n"
        "    print(SampleReader(corpus=corpus, n_train=0, n_val=0, n_test=5, seed=2).read(Path('test')).to_list())\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1] != ""


def test_sizes_are_those_of_the_splits() -> None:
    reader = SampleReader(corpus="intents", n_train=3, n_val=2, n_test=1, seed=0)
    assert [len(reader.read(Path(split))) for split in SPLITS] == [3, 2, 1]


def test_reader_refuses_unknown_corpus() -> None:
    with pytest.raises(ConfigError, match=r"corpus is 'poems'; expected one of tags, intents, trees, pairs, frames, weather"):
        SampleReader(corpus="poems", n_train=1, n_val=1, n_test=1, seed=0)


@pytest.mark.parametrize("name", ["n_train", "n_val", "n_test", "seed"])
def test_reader_refuses_negative_numbers(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is -1; expected 0 or more"):
        SampleReader(**{"corpus": "tags", "n_train": 1, "n_val": 1, "n_test": 1, "seed": 0, name: -1})


def test_read_refuses_unknown_split(sample: Sample) -> None:
    with pytest.raises(DataError, match=r"dev\.conll: no split .* expected train, val, test"):
        sample("tags", "dev.conll")


def test_frames_are_the_same_on_every_machine(sample: Sample) -> None:
    row = sample("frames", "test", 1)[0]
    assert (row["labels"], [round(value, 4) for value in row["frames"][0][:4]]) == PINNED_FRAMES


def test_names_are_the_same_on_every_machine(columns: Columns) -> None:
    assert " ".join(columns("tags", "test", 1)["tokens"][0]) == PINNED_SENTENCE
