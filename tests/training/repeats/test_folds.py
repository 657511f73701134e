"""Cross-validation: folds are a partition that the seed alone decides, and every record gets an answer out of its fold."""

import json
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.cli import main
from seqlab.data.folds import Fold
from seqlab.errors import SeqlabError
from seqlab.report.run.training_data import training_records
from seqlab.runs.repeated_run import FinishedRepeat
from seqlab.runs.run import FinishedRun
from seqlab.testing.runs import SENTENCES, train_small
from seqlab.training.repeats.out_of_fold import join_answers
from seqlab.training.repeats.plan import Repetition
from seqlab.training.train import Run

pytestmark = pytest.mark.slow

FAST = ["trainer.max_epochs=1", "seed=7"]


@given(st.integers(2, 9), st.integers(0, 60), st.integers(0, 99))
def test_folds_are_a_partition_of_even_parts(n_folds: int, more: int, seed: int) -> None:
    n = n_folds + more
    parts = [Fold(index, n_folds).rows(n, seed=seed) for index in range(1, n_folds + 1)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_another_seed_has_other_folds() -> None:
    assert Fold(1, 5).rows(100, seed=1).tolist() != Fold(1, 5).rows(100, seed=2).tolist()


def test_every_training_record_is_answered_once_in_order(by_folds: Run) -> None:
    answers = list(FinishedRun(by_folds.folder).answers("out_of_fold_seed_7"))
    assert [record.tokens for record in answers] == [tokens for tokens, _, _ in SENTENCES]
    assert [record.gold["tags"] for record in answers] == [tags for _, tags, _ in SENTENCES]


def test_an_answer_is_of_the_fold_that_was_not_trained_on_the_record(by_folds: Run) -> None:
    joined = (by_folds.folder / "predictions" / "out_of_fold_seed_7.jsonl").read_text().splitlines()
    for index in (1, 2, 3):
        lines = (by_folds.folder / f"fold_{index}" / "predictions" / "test.jsonl").read_text().splitlines()
        assert lines == [joined[row] for row in Fold(index, 3).rows(len(SENTENCES), seed=7)]


def _write_folds(folder: Path, answers: list[list[str]]) -> list[Repetition]:
    """Write a fold for each list of answers, ended; return them as repetitions of seed 7."""
    repetitions = [Repetition(7, index, folder / f"fold_{index}") for index, _ in enumerate(answers, 1)]
    for one, lines in zip(repetitions, answers, strict=True):
        (one.folder / "predictions").mkdir(parents=True)
        (one.folder / "metrics.json").write_text("{}")
        (one.folder / "predictions" / "test.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return repetitions


def test_answers_are_cut_at_line_ends_only(tmp_path: Path) -> None:
    records = [f'{{"tokens": ["{i}\u0085\u2028\u2029\x0b"]}}' for i in range(5)]
    answers = [[records[row] for row in Fold(index, 2).rows(5, seed=7)] for index in (1, 2)]
    assert join_answers(tmp_path, _write_folds(tmp_path, answers), n_folds=2) == {"7": ["predictions/out_of_fold_seed_7.jsonl"]}
    joined = (tmp_path / "predictions" / "out_of_fold_seed_7.jsonl").read_text(encoding="utf-8")
    assert joined == "".join(f"{record}\n" for record in records)


def test_folds_that_have_not_answered_all_are_not_joined(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    repetitions = _write_folds(tmp_path, [["{}"] * 3, ["{}"], ["{}"] * 3])
    assert join_answers(tmp_path, repetitions, n_folds=3) == {"7": []}
    assert not (tmp_path / "predictions").exists()
    assert "the folds have [3, 1, 3] answers, but folds of 7 records have [3, 2, 2]" in caplog.text


def test_a_fold_is_a_plain_run_that_reads_no_test_split(by_folds: Run, corpus: Path, tmp_path: Path) -> None:
    plain = train_small(corpus, tmp_path, [*FAST, "fold={index:2,of:3}", "data.splits.test=nowhere"])
    weights = [folder / "model" / "weights.safetensors" for folder in (plain.folder, by_folds.folder / "fold_2")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert len((plain.folder / "predictions" / "test.jsonl").read_text().splitlines()) == 2


def test_evaluate_without_data_scores_what_the_fold_held_out(by_folds: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = by_folds.folder / "fold_2"
    assert main(["evaluate", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == FinishedRun(folder).metrics["test"]
    assert main(["evaluate", str(folder), "--split", "train", "--json"]) == 0
    tags = [SENTENCES[row][1] for index in (1, 3) for row in Fold(index, 3).rows(len(SENTENCES), seed=7)]
    n_spans = sum(tag.startswith("B-") for tag in chain.from_iterable(tags))
    assert json.loads(capsys.readouterr().out)["support"]["strict"] == n_spans
    assert main(["evaluate", str(folder)]) == 0
    assert "train (test records of fold 2 of 3)" in capsys.readouterr().out


def test_a_report_takes_for_seen_what_the_fold_was_trained_on(by_folds: Run) -> None:
    records = training_records(FinishedRun(by_folds.folder / "fold_2"), "", allow=())
    assert not isinstance(records, str)
    rows = sorted(row for index in (1, 3) for row in Fold(index, 3).rows(len(SENTENCES), seed=7).tolist())
    assert list(records["tokens"]) == [SENTENCES[row][0] for row in rows]


def test_seeds_and_folds_together_are_all_pairs(corpus: Path, tmp_path: Path) -> None:
    run = train_small(corpus, tmp_path, [*FAST, "repeat.seeds=[1,2]", "repeat.folds=2"])
    found = FinishedRepeat(run.folder)
    assert found.names == ["seed_1_fold_1", "seed_1_fold_2", "seed_2_fold_1", "seed_2_fold_2"]
    assert list(found.content["out_of_fold"]) == ["1", "2"]
    assert json.loads((run.folder / "repeats.json").read_text())["metrics"]["test/accuracy"]["n"] == 4


def test_more_folds_than_records_are_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(SeqlabError, match="data has 6 training records, too few for 7 folds"):
        train_small(corpus, tmp_path, [*FAST, "repeat.folds=7"])
