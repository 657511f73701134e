"""A head that could learn from no record stops the run before it begins."""

import json
import logging
from pathlib import Path

import pytest

from seqlab.errors import DataError
from seqlab.testing.runs import train_small

TEMPORAL = ["data=jsonl", "data.scheme=null", "trainer.max_epochs=1"]


def write(folder: Path, *, labels: dict[str, list[list[str]]]) -> Path:
    folder.mkdir()
    for split, rows in labels.items():
        lines = [json.dumps({"tokens": ["p", "q"], "labels": row}) for row in rows]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(("head", "times"), [("ctc", 2), ("hmm_hybrid", 5)])
def test_labels_that_fit_in_no_record_stop_the_run(tmp_path: Path, head: str, times: int) -> None:
    data = write(tmp_path / "data", labels={split: [["a", "b", "a"]] for split in ("train", "dev", "test")})
    wanted = f"all 1 records of train have more labels than fit in their steps; with heads.labels.upsampling={times} "
    with pytest.raises(DataError, match=wanted):
        train_small(data, tmp_path / "run", [*TEMPORAL, f"head=[{head}]"])
    assert not (tmp_path / "run").exists()


def test_misfits_of_every_split_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    long, short = ["a", "b", "a"], ["a"]
    data = write(tmp_path / "data", labels={"train": [short, short, long], "dev": [long, short], "test": [long]})
    with caplog.at_level(logging.WARNING):
        train_small(data, tmp_path / "run", [*TEMPORAL, "head=[ctc]"])
    messages = [record.getMessage() for record in caplog.records if "fit in their steps" in record.getMessage()]
    assert [line.split(" have ")[0] for line in messages] == [
        "heads.labels: 1 of 3 records of train",
        "heads.labels: 1 of 2 records of val",
        "heads.labels: 1 of 1 records of test",
    ]
