"""`seqlab report` of the folder of a study."""

import json
from typing import Any

import pytest
from seqlab_sweep.study import SharedStudy

from seqlab.cli import main


def test_the_report_of_its_folder_tells_pruned_trials_from_failed_ones(
    recorded: SharedStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    # the runs of the trials, of which only complete ones have scores: without the study, 2 would look like 3
    assert recorded.store.path
    folder = recorded.store.path.parent
    for number in range(4):
        (folder / str(number)).mkdir()
        (folder / str(number) / "config.yaml").write_text("{monitor: val/span_f1/strict, heads: {}}\n", encoding="utf-8")
    assert main(["report", str(folder), "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(folder / "report.json")
    assert captured.err == ""
    found = sections(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    states = dict(zip(found["All trials"]["trial"], found["All trials"]["state"], strict=True))
    assert states == {"0": "complete", "1": "complete", "2": "pruned", "3": "failed", "4": "interrupted"}
    assert found["Pruned"]["trial"] == ["2"]
    assert found["Failed"]["trial"] == ["3"]
    assert "out of paper" in found["Failed"]["why"][0]


def sections(document: dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """Return the first table of each section of a report, by column."""
    found = {}
    for section in document["sections"]:
        for table in [block for block in section["blocks"] if block["kind"] == "table"][:1]:
            names = [column["name"] for column in table["columns"]]
            found[section["title"]] = {name: [row[i] for row in table["rows"]] for i, name in enumerate(names)}
    return found
