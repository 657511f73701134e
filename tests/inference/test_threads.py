"""Several threads that call one `Tagger` at once get the answers of one thread."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Any

import pytest

import seqlab

MODELS = Path(__file__).resolve().parents[1] / "fixtures" / "version_0_1_0" / "models"
SLOW = ("crf", "ctc", "biaffine", "recnn_nodes", "relatedness")
KINDS = ("semi_markov", "two_heads", *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW))
N_THREADS = 8


@pytest.fixture
def _often_switched() -> Iterator[None]:
    """Let Python switch between threads a hundred times as often as usual."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_often_switched")
@pytest.mark.parametrize("kind", KINDS)
def test_threads_get_the_answers_of_one_thread(kind: str) -> None:
    inputs = json.loads((MODELS / kind / "expected.json").read_text(encoding="utf-8"))["inputs"]
    jobs = [Random(seed).choices(inputs, k=seed % 5 + 1) for seed in range(N_THREADS)]
    # two loads: the one that the threads share has made none of its tables and libraries yet
    alone, shared = (seqlab.load(MODELS / kind / "model") for _ in range(2))
    standard_output, barrier = sys.stdout, Barrier(N_THREADS)

    def work(job: list[Any]) -> list[Any]:
        barrier.wait()
        return [[*shared.stream(job, n_records=2, n_best=2), *shared.predict(job, n_best=2)] for _ in range(2)]

    with ThreadPoolExecutor(N_THREADS) as threads:
        found = list(threads.map(work, jobs))
    assert found == [[[*alone.stream(job, n_records=2, n_best=2), *alone.predict(job, n_best=2)]] * 2 for job in jobs]
    # no thread may have swapped what all of them print to
    assert sys.stdout is standard_output
