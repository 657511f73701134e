"""Frames with a tag each, from training to conversion."""

import json
from pathlib import Path

import pytest

import seqlab
from seqlab.cli import main

HEAD = "rain,wind,tag\n"
TRAIN = HEAD + "1,0.5,B-wet\n2,0.1,I-wet\n0,0.3,O\n\n0,0,O\n3,1,B-wet\n\n" * 3


@pytest.mark.parametrize("head", ["softmax", "crf", "semi_markov"])
def test_frames_are_labelled_without_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str], head: str) -> None:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.csv").write_text(TRAIN, encoding="utf-8")
    data = ["data=frames", f"data.dir={tmp_path}", "data.reader.frame_columns=[rain,wind]", "encoder.width=4"]
    options = ["trainer.max_epochs=1", "callbacks=none", "n_threads=1", f"paths.root_dir={tmp_path}"]
    run = seqlab.train([*data, f"head=[{head}]", *options])
    unlabelled = tmp_path / "new.csv"
    unlabelled.write_text("wind,rain\n1,2\n3,4\n\n5,6\n", encoding="utf-8")
    capsys.readouterr()

    assert main(["predict", str(run.folder), str(unlabelled)]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["frames"] for record in records] == [[[2.0, 1.0], [4.0, 3.0]], [[6.0, 5.0]]]
    assert [len(record["predictions"]["tags"]["labels"]) for record in records] == [2, 1]
    assert main(["predict", str(run.folder), str(unlabelled), "--to", "conll"]) == 0
    labels = [label for record in records for label in record["predictions"]["tags"]["labels"]]
    lines = ["2.0\t1.0", "4.0\t3.0", "", "6.0\t5.0", ""]
    expected = [line and f"{line}\t{labels.pop(0)}" for line in lines]
    assert capsys.readouterr().out.splitlines() == expected
    assert main(["evaluate", str(run.folder), str(tmp_path / "test.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["per_type"]["wet"]["support"] == 6


def test_a_table_of_frames_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{HEAD}1,2,B-wet\n1,x,O\n\n1,2,O\n1,2,I-wet\n", encoding="utf-8")
    assert (
        main(["data", "check", str(path), "--format", "frames", "--set", "frame_columns=[rain,wind]", "--scheme", "BIO"]) == 1
    )
    out = capsys.readouterr().out
    assert f"{path}:3: error: wind is 'x'; expected a number" in out
    assert f"{path}:6: error: tag 'I-wet'" in out
