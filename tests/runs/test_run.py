"""What a run left is read again: the same values, and damage named."""

import json
from pathlib import Path

import pytest

from seqlab.errors import DataError
from seqlab.model.bundle import load_bundle
from seqlab.runs.run import FinishedRun
from seqlab.testing.runs import SENTENCES, train_small, write_corpus
from seqlab.training.train import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    data = write_corpus(tmp_path_factory.mktemp("corpus") / "data")
    return train_small(data, tmp_path_factory.mktemp("run"), ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict"])


def test_config_metrics_and_environment_are_what_was_written(run: Run) -> None:
    read = FinishedRun(run.folder)
    assert read.config["monitor"] == "val/tags/span_f1/strict"
    assert read.metrics["test"] == json.loads(json.dumps(run.metrics["test"]))
    assert read.environment["seqlab"]
    assert read.model == run.model


def test_history_has_a_value_for_each_epoch(run: Run) -> None:
    history = FinishedRun(run.folder).history()
    assert [epoch for epoch, _ in history["train/loss"]] == [0, 1]
    assert {epoch for epoch, _ in history["val/tags/span_f1/strict"]} >= {0, 1}


def test_history_has_the_starts_of_a_run_in_their_order(tmp_path: Path) -> None:
    for version in (10, 2, 1):
        folder = tmp_path / "csv" / f"version_{version}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text(f"epoch,step,train/loss\n{version},1,0.5\n", encoding="utf-8")
    assert FinishedRun(tmp_path).history() == {"train/loss": [(1, 0.5), (2, 0.5), (10, 0.5)]}


def test_answers_stand_beside_what_is_right(run: Run) -> None:
    answers = list(FinishedRun(run.folder).answers("test"))
    assert [record.tokens for record in answers] == [tokens for tokens, _, _ in SENTENCES[2:]]
    assert [record.gold["tags"] for record in answers] == [tags for _, tags, _ in SENTENCES[2:]]
    assert [record.gold["label"] for record in answers] == [label for _, _, label in SENTENCES[2:]]


def test_scores_of_the_answers_are_those_of_the_run(run: Run) -> None:
    answers = list(FinishedRun(run.folder).answers("test"))
    for name, head in load_bundle(run.model).labeler.heads.items():
        scores = head.score([record.gold[name] for record in answers], [record.predictions[name] for record in answers])
        assert scores == run.metrics["test"][name]


def test_data_sets_of_plain_data_are_one_without_a_name(run: Run) -> None:
    assert FinishedRun(run.folder).data_sets("test") == [""]
    assert FinishedRun(run.folder).data_sets("val") == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics.json", None, r"metrics\.json does not exist; expected the folder of a finished run"),
        ("metrics.json", '{"a": 1,\n', r"metrics\.json:2: not JSON"),
        ("metrics.json", "[]", r"metrics\.json holds a list; expected the folder of a finished run"),
    ],
)
def test_damage_is_named(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        _ = FinishedRun(tmp_path).metrics


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"test\.jsonl:1: not JSON"),
        (
            '{"id": 1, "tokens": [], "predictions": {}}',
            r"test\.jsonl:1: 'gold' is missing; the run was made by an older seqlab",
        ),
    ],
)
def test_damaged_answers_are_named_by_line(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "test.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list(FinishedRun(tmp_path).answers("test"))


def test_a_config_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("just words", encoding="utf-8")
    with pytest.raises(DataError, match=r"config\.yaml holds a str; expected the config of a run"):
        _ = FinishedRun(tmp_path).config
