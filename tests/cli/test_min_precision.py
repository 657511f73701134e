"""`--min-precision` from the training on the sample corpus to labelled text."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import seqlab
from seqlab.cli import main
from seqlab.testing.runs import change_bundle

SMALL = (
    *(
        "data.reader.n_train=600",
        "data.reader.n_val=120",
        "data.reader.n_test=60",
        "embedding=[words]",
        "encoder.width=16",
        "max_tokens=256",
    ),
    *("optimizer.lr=0.02", "trainer.max_epochs=3", "callbacks=none", "n_threads=1"),
)
HEADS = ("crf", *(pytest.param(head, marks=pytest.mark.slow) for head in ("softmax", "semi_markov", "segment")))

Command = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what gives the folder of a run on the sample corpus with a head."""
    root = tmp_path_factory.mktemp("sample")
    return cache(lambda head: seqlab.train([*SMALL, f"head=[{head}]", f"paths.root_dir={root / head}"]).folder)


@pytest.fixture
def sample_run(trained: Callable[[str], Path]) -> Path:
    """Return the folder of a run with a CRF."""
    return trained("crf")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a call of `seqlab`, giving what it prints and what it says beside that."""

    def call(*words: object, status: int = 0) -> tuple[str, str]:
        assert main([str(word) for word in words]) == status
        return capsys.readouterr()

    return call


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_the_validation_records_have_the_precision_that_was_asked(
    head: str, trained: Callable[[str], Path], command: Command
) -> None:
    out, _ = command("evaluate", trained(head), "--split", "val", "--min-precision", "0.5", "--json")
    found = json.loads(out)["min_precision"]
    reached = {label: s for label, s in found["per_type"].items() if s["threshold"] is not None}
    assert reached
    for scores in reached.values():
        assert scores["precision"] == pytest.approx(scores["val_precision"])
        assert scores["recall"] == pytest.approx(scores["val_recall"])
        assert scores["precision"] >= 0.5
    assert found["precision"] >= 0.5


def test_the_table_has_a_threshold_for_each_type(sample_run: Path, command: Command) -> None:
    out, _ = command("evaluate", sample_run, "--min-precision", "0.8")
    title, head, *rows = out[out.rindex("\n\n") + 2 :].splitlines()
    assert title.endswith(": spans of a precision of 80 % on the validation records")
    assert head.split()[:6] == ["type", "from", "val", "kept", "val", "P"]
    scores = json.loads(command("evaluate", sample_run, "--min-precision", "0.8", "--json")[0])
    per_type: dict[str, Any] = scores["min_precision"]["per_type"]
    shown = {row.split()[0]: row.split()[1] for row in rows}
    for label, s in per_type.items():
        assert shown[label] == ("never" if s["threshold"] is None else f"{s['threshold']:.4f}")
    assert "all" in shown
    assert "min_precision" not in json.loads(command("evaluate", sample_run, "--json")[0])


def test_predicted_spans_are_those_that_are_confident_enough(sample_run: Path, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    rows = [json.loads(line)["tokens"] for line in (sample_run / "predictions" / "test.jsonl").read_text().splitlines()]
    path.write_text("".join(json.dumps({"tokens": row}) + "\n" for row in rows))
    words = ("predict", sample_run, path, "--format", "jsonl", "--to", "jsonl")
    whole = [json.loads(line)["predictions"]["tags"] for line in command(*words)[0].splitlines()]
    out, err = command(*words, "--min-precision", "0.8")
    left = [json.loads(line)["predictions"]["tags"] for line in out.splitlines()]
    limit = seqlab.load(sample_run).min_precision(0.8)
    thresholds = limit.thresholds["tags"]
    for one, other in zip(whole, left, strict=True):
        kept = [s for s in one["spans"] if thresholds[s["label"]] is not None and s["confidence"] >= thresholds[s["label"]]]
        assert other["spans"] == kept
        inside = {step for span in kept for step in range(span["start"], span["end"])}
        assert [step for step, label in enumerate(other["labels"]) if label != "O"] == sorted(inside)
    assert sum(len(one["spans"]) for one in whole) > sum(len(one["spans"]) for one in left) > 0
    never = ", ".join(limit.unreachable())
    assert (never in err) if never else (err == "")


def test_impossible_precisions_are_reported(
    runs: Mapping[str, seqlab.Run], sample_run: Path, command: Command, conll_file: Path, tmp_path: Path
) -> None:
    for name in ("predict", "evaluate"):
        _, err = command(name, sample_run, conll_file, "--min-precision", "90", status=2)
        assert err.startswith("error: min_precision is 90.0; expected a precision above 0 and at most 1")
        _, err = command(
            name, runs["label"].folder, *([conll_file] if name == "predict" else []), "--min-precision", "0.9", status=2
        )
        assert err == "error: min_precision needs a head that finds spans; the heads of this model (label) do not\n"
    # as an earlier seqlab left it
    older = change_bundle(runs["spans"].model, tmp_path / "older", lambda content: content["facts"].pop("precision"))
    _, err = command("predict", older, conll_file, "--min-precision", "0.9", status=2)
    assert err.startswith("error: the model does not record the precision of its spans")


def test_beside_spans_labels_of_records_stay(runs: Mapping[str, seqlab.Run], command: Command, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("Kurt saw Oslo .\n")
    whole, left = (
        json.loads(command("predict", runs["both"].folder, path, *words)[0]) for words in ((), ("--min-precision", "1"))
    )
    assert left["predictions"]["label"] == whole["predictions"]["label"]
    assert "spans" in left["predictions"]["tags"]
