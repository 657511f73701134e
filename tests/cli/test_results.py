import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import seqlab
from seqlab.cli.results import print_run
from seqlab.cli.score_tables import print_scores

SCORE = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 8}


def printed(run: seqlab.Run, capsys: pytest.CaptureFixture[str], *, n_examples: int = 3) -> list[str]:
    print_run(run, n_examples=n_examples)
    return capsys.readouterr().out.splitlines()


def test_a_run_ends_with_its_table_examples_and_folder(
    runs: Mapping[str, seqlab.Run], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(runs["spans"], capsys)
    assert lines[1] == "test"
    assert lines[2].split() == ["type", "precision", "recall", "F1", "support"]
    assert [line.split()[0] for line in lines[3:6]] == ["LOC", "PER", "all"]
    start = lines.index("labelled test records") + 1
    assert lines[start : start + 3] == [
        "[Ada Lovelace | PER] visited [Paris | LOC]",
        "[Kurt | PER] saw [New York | LOC] .",
        "who visited [Oslo | LOC] ?",
    ]
    folder = runs["spans"].folder
    assert lines[-3:] == [
        f"run folder  {folder}",
        f"label text  seqlab predict {folder} FILE",
        f"score data  seqlab evaluate {folder} DATA",
    ]


def test_tags_stand_beside_their_words(runs: Mapping[str, seqlab.Run], capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(runs["tags"], capsys, n_examples=1)
    assert lines[2].split()[0] == "tag"
    assert "accuracy: 100.00 %" in lines
    assert lines[lines.index("labelled test records") + 1] == "Ada/B-PER Lovelace/I-PER visited/O Paris/B-LOC"


def test_a_label_is_compared_with_the_most_frequent(runs: Mapping[str, seqlab.Run], capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(runs["label"], capsys, n_examples=1)
    assert lines[2].split()[0] == "label"
    assert "accuracy of the most frequent label: 50.00 %" in lines
    example = lines[lines.index("labelled test records") + 1]
    assert re.fullmatch(r"travel (0\.\d\d|1\.00)  Ada Lovelace visited Paris", example)


def test_each_of_several_heads_has_a_table_and_a_line(
    runs: Mapping[str, seqlab.Run], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(runs["both"], capsys, n_examples=1)
    assert {"test, tags", "test, label"} <= set(lines)
    start = lines.index("labelled test records") + 1
    assert [line.split(": ")[0] for line in lines[start : start + 2]] == ["tags", "label"]


def test_without_test_the_validation_scores_are_shown(
    runs: Mapping[str, seqlab.Run], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = runs["spans"]
    lines = printed(replace(run, metrics={"val": run.metrics["val"]}), capsys)
    assert lines[1] == "val"
    assert "labelled test records" not in lines
    assert printed(replace(run, metrics={}), capsys)[1].startswith("run folder")
    assert "labelled test records" not in printed(replace(run, folder=tmp_path), capsys)


def test_default_scores_stand_below_where_they_differ(capsys: pytest.CaptureFixture[str]) -> None:
    mode = {"strict": 0.25, "default": 0.5, "exact": 0.5, "type": 0.5}
    support = {"strict": 8, "default": 9, "exact": 9, "type": 10}
    scores = dict.fromkeys(("span_f1", "precision", "recall"), mode) | {"support": support}
    scores |= {"per_type": {"[x]": SCORE}, "accuracy": 0.125}
    print_scores(scores, title="t", console=Console(), heads=["tags"])
    assert [line.split() for line in capsys.readouterr().out.splitlines()[3:]] == [
        ["[x]", "50.00", "25.00", "33.33", "8"],
        ["all", "(strict)", "25.00", "25.00", "25.00", "8"],
        ["all", "(default,", "exact)", "50.00", "50.00", "50.00", "9"],
        ["all", "(type)", "50.00", "50.00", "50.00", "10"],
        ["accuracy:", "12.50", "%"],
    ]


def test_of_many_labels_the_frequent_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    labels = {f"l{i:02}": SCORE | {"support": i} for i in range(40)}
    print_scores({"accuracy": 1.0, "per_label": labels}, title="t", console=Console(), heads=["tags"])
    out = capsys.readouterr().out
    assert "l39" in out
    assert "l10" in out
    assert "l09" not in out
    assert "… 10 rarer ones" in out


def test_scores_without_labels_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_scores({"label_error_rate": 0.5, "insertions": 1200}, title="t", console=Console(), heads=["tags"])
    assert capsys.readouterr().out == "\nt\nlabel error rate: 50.00 %\ninsertions: 1,200\n"
