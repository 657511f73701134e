"""`seqlab report`: where it writes, in which format, and what it says of mistakes."""

import json
import shutil
from pathlib import Path

import pytest

from seqlab.cli import main


@pytest.mark.parametrize(
    ("words", "name", "begins"),
    [
        ([], "report.html", "<!doctype html>"),
        (["--format", "markdown"], "report.md", "# Run copy"),
        (["--format", "json"], "report.json", "{"),
    ],
)
def test_a_report_goes_into_the_folder_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, words: list[str], name: str, begins: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(model, folder)
    assert main(["report", str(folder), *words]) == 0
    assert capsys.readouterr().out.strip() == str(folder / name)
    assert (folder / name).read_text(encoding="utf-8").startswith(begins)


def test_the_file_name_gives_the_format(tmp_path: Path, model: str) -> None:
    path = tmp_path / "new" / "notes.json"
    assert main(["report", model, "-o", str(path), "--examples", "0"]) == 0
    assert json.loads(path.read_text(encoding="utf-8"))["kind"] == "document"


def test_the_same_run_gives_the_same_page(tmp_path: Path, model: str) -> None:
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for page in pages:
        assert main(["report", model, "-o", str(page)]) == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere does not exist; expected a run, a folder of runs, or a study from `seqlab sweep export`"),
        (["nowhere", "--examples", "-1"], "--examples is -1; expected 0 or more"),
    ],
)
def test_mistakes_are_reported(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["report", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_folder_of_a_study_that_cannot_be_read_is_reported_run_by_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    shutil.copytree(model, tmp_path / "0")
    (tmp_path / "study.json").write_text('{"study": "mine", "storage": "postgresql://me:***@host/db"}', encoding="utf-8")
    assert main(["report", str(tmp_path), "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(tmp_path / "report.json")
    assert "pruned trials look like failed ones" in captured.err
