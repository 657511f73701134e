"""What a run on several sets leaves: predictions by set, a bundle whose heads all read any text, and what is said of them."""

import json

import pytest

import seqlab
from seqlab.cli import main
from seqlab.cli.results import print_run
from seqlab.model.labeler import Labeler
from seqlab.training.train import Run


def lines_of(finished: Run, name: str) -> list[str]:
    return (finished.folder / "predictions" / name / "test.jsonl").read_text("utf-8").splitlines()


def test_predictions_are_left_by_set(finished: Run) -> None:
    for name, head in (("news", "tags"), ("requests", "label")):
        lines = lines_of(finished, name)
        assert len(lines) == 10
        assert {tuple(json.loads(line)["predictions"]) for line in lines} == {(head,)}


def test_the_bundle_runs_all_heads_on_any_text(finished: Run) -> None:
    tagger = seqlab.load(finished.model)
    assert tagger.columns == ["tokens"]
    (record,) = tagger.predict(["Maria Lindqvist flew to Oslo ."])
    assert {name: len(found.labels) for name, found in record.predictions.items()} == {"tags": 6, "label": 1}
    read = tagger.predict([json.loads(line)["tokens"] for line in lines_of(finished, "requests")])
    given = [json.loads(line)["predictions"]["label"]["labels"] for line in lines_of(finished, "requests")]
    assert [one.predictions["label"].labels for one in read] == given


def test_a_run_ends_with_examples_of_each_set(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    print_run(finished, n_examples=1)
    out = capsys.readouterr().out
    assert "labelled test records of news" in out
    assert "labelled test records of requests" in out
    card = (finished.model / "README.md").read_text("utf-8")
    assert "- `requests`, for `label`: Reader `seqlab.data.sample.SampleReader`" in card


def test_temperatures_are_fitted_to_every_heads_own_records(finished: Run) -> None:
    labeler: Labeler = seqlab.load(finished.model).bundle.labeler
    fitted = {n: [m.value.item() for m in h.modules() if type(m).__name__ == "Temperature"] for n, h in labeler.heads.items()}
    assert all(values and values != [1.0] for values in fitted.values()), fitted


def test_describe_takes_several_sets(two_sets: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", *two_sets]) == 0
    assert "heads.label" in capsys.readouterr().out
