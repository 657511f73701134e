"""Reports of real runs: every kind of head, every section that has data, and records that are hostile."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from seqlab.errors import DataError
from seqlab.report.charts import Curves, Matrix, Reliability, Strip
from seqlab.report.document.model import Document, Examples, Figure, Paragraph, Section, Table
from seqlab.report.document.writing import written
from seqlab.report.run import run_report
from seqlab.report.subject import report_of
from seqlab.runs.run import FinishedRun
from seqlab.training.train import Run

ANALYSES = ["Confusion", "By length", "Worst records", "Calibration"]
SECTIONS = {
    "both": [
        *ANALYSES,
        "Scores by type",
        "Scores by label",
        "Errors by kind",
        "Seen and unseen spans",
        "Seen and unseen words",
    ],
    "tags": [*ANALYSES, "Scores by tag", "Seen and unseen words", "Labels that may be wrong"],
    "labels": [*ANALYSES[1:], "Scores by label", "Errors by kind"],
    "segments": [*ANALYSES, "Scores by label", "Seen and unseen words", "Labels that may be wrong"],
    "nested": [*ANALYSES, "Scores by type", "Errors by kind", "Seen and unseen spans"],
    "temporal": [*ANALYSES, "Errors by kind", "Labels that may be wrong"],
    "pairs": [*ANALYSES, "Scores by label", "Seen and unseen words", "Labels that may be wrong"],
}


def report(run: Run, n_examples: int = 3) -> Document:
    return run_report(FinishedRun(run.folder), n_examples=n_examples)


def sections(document: Document) -> dict[str, Section]:
    """Return the sections by title; of a title that several heads have, the first."""
    found: dict[str, Section] = {}
    for _, section in document.walk():
        found.setdefault(section.title, section)
    return found


def table(section: Section, index: int = 0) -> list[dict[str, object]]:
    found = [block for block in section.blocks if isinstance(block, Table)][index]
    return [dict(zip([column.name for column in found.columns], row, strict=True)) for row in found.rows]


@pytest.mark.parametrize("kind", list(SECTIONS))
def test_every_kind_of_head_has_its_sections_in_every_format(run_of_kind: Mapping[str, Run], kind: str) -> None:
    document = report(run_of_kind[kind])
    found = sections(document)
    assert set(found) >= {"Summary", "Learning curves", "Speed", "Scores", *SECTIONS[kind]}
    assert all(section.blocks or section.sections for section in found.values())
    page, text, content = (written(document, name) for name in ("html", "markdown", "json"))
    for title in found:
        assert title in page
        assert f" {title}\n" in text
        assert f'"title": "{title}"' in content


def test_facts_name_the_model_and_the_settings(run_of_kind: Mapping[str, Run]) -> None:
    facts = {row["fact"]: row["value"] for row in table(sections(report(run_of_kind["both"]))["Summary"])}
    assert facts["heads"] == "tags (CrfTokenHead), label (SequenceHead)"
    assert facts["seed"] == 12345
    assert "torch" in str(facts["versions"])
    assert "LinesReader" in str(facts["data"])


def test_curves_have_each_epoch_and_the_best_is_marked(run_of_kind: Mapping[str, Run]) -> None:
    run = run_of_kind["both"]
    figures = [block.chart for block in sections(report(run))["Learning curves"].blocks if isinstance(block, Figure)]
    losses, scores = figures
    assert isinstance(losses, Curves)
    assert isinstance(scores, Curves)
    assert [epoch for epoch, _ in losses.series[0].points] == list(range(1, 9))
    (points,) = (series.points for series in scores.series)
    assert scores.marked is not None
    best = max(value for _, value in points)
    assert best == pytest.approx(FinishedRun(run.folder).metrics["training"]["best"], abs=1e-6)
    assert scores.marked[0] == next(epoch for epoch, value in points if value == best)


def test_numbers_are_those_of_the_run(run_of_kind: Mapping[str, Run]) -> None:
    run = run_of_kind["both"]
    found = sections(report(run))
    scores = run.metrics["test"]["tags"]
    by_mode = {row["span matching"]: row for row in table(found["Scores"])}
    assert by_mode["strict"]["F1"] == scores["span_f1"]["strict"]
    by_type = {row["type"]: row for row in table(found["Scores by type"])}
    assert {name: row["support"] for name, row in by_type.items()} == {k: v["support"] for k, v in scores["per_type"].items()}
    n_gold = sum(each["support"] for each in scores["per_type"].values())
    for index in (0, 1):  # by the length of records, and of spans
        rows = table(found["By length"], index)
        assert sum(int(str(row["gold"])) for row in rows) == n_gold
        assert sum(int(str(row["right"])) for row in rows) == round(scores["recall"]["strict"] * n_gold)
    assert sum(int(str(row["gold spans"])) for row in table(found["Seen and unseen spans"])) == n_gold
    figure = found["Calibration"].blocks[0]
    assert isinstance(figure, Figure)
    assert isinstance(figure.chart, Reliability)
    assert f"{scores['expected_calibration_error']:.4f}" in figure.caption


def test_confusion_of_tags_has_every_step(run_of_kind: Mapping[str, Run]) -> None:
    run = run_of_kind["tags"]
    figure = sections(report(run))["Confusion"].blocks[0]
    assert isinstance(figure, Figure)
    assert isinstance(figure.chart, Matrix)
    rows = dict(zip(figure.chart.labels, figure.chart.counts, strict=True))
    assert {label: sum(row) for label, row in rows.items() if sum(row)} == {
        tag: each["support"] for tag, each in run.metrics["test"]["per_tag"].items() if each["support"]
    }
    n_right = sum(row[i] for i, row in enumerate(figure.chart.counts))
    assert n_right / sum(map(sum, figure.chart.counts)) == pytest.approx(run.metrics["test"]["accuracy"])


def test_a_head_whose_answers_cannot_be_shown_says_so(run_of_kind: Mapping[str, Run]) -> None:
    found = sections(report(run_of_kind["pairs"]))
    notes = {name: [b.text for b in found[f"Head {name}"].blocks if isinstance(b, Paragraph)] for name in HEADS_OF_PAIRS}
    assert notes == {name: [f"{kind}, on 12 test records."] for name, kind in HEADS_OF_PAIRS.items()}
    (of_scores,) = [each for each in found["Head relatedness"].sections if each.title == "Predictions"]
    assert "scores only" in str(of_scores.blocks)
    assert "Predictions" not in {each.title for each in found["Head entailment"].sections}


HEADS_OF_PAIRS = {"relatedness": "PairScoreHead", "entailment": "PairLabelHead"}


def test_edits_are_those_of_the_label_error_rate(run_of_kind: Mapping[str, Run]) -> None:
    run = run_of_kind["temporal"]
    found = sections(report(run))
    counts = {row["kind"]: row["labels"] for row in table(found["Errors by kind"])}
    scores = run.metrics["test"]
    assert sum(map(int, map(str, counts.values()))) == sum(
        scores[name] for name in ("substitutions", "insertions", "deletions")
    )
    examples = found["Worst records"].blocks[0]
    assert isinstance(examples, Examples)
    assert any(isinstance(example.chart, Strip) or not example.lines[1].tokens for example in examples.items)


def test_gradient_flow_and_speed_are_drawn_where_they_were_kept(run_of_kind: Mapping[str, Run]) -> None:
    found = sections(report(run_of_kind["both"]))
    assert len(found["Gradient flow"].blocks) == 2
    assert len(table(found["Speed"])) == 8
    assert all(float(str(row["training, s"])) > 0 for row in table(found["Speed"]))
    assert "Gradient flow" not in sections(report(run_of_kind["tags"]))


def test_examples_are_bounded_and_say_what_is_left_out(run_of_kind: Mapping[str, Run]) -> None:
    (examples,) = sections(report(run_of_kind["temporal"], n_examples=2))["Worst records"].blocks
    assert isinstance(examples, Examples)
    assert len(examples.items) == 2
    assert "10 of them are not shown; all answers are in predictions/test.jsonl" in examples.left_out


HOSTILE = ["<script>alert(1)</script>", "</style>", "\"'>", "\x00", "\ud800", "\u202e", "|"]


@pytest.fixture
def hostile(run_of_kind: Mapping[str, Run], tmp_path: Path) -> Path:
    """Return a copy of a run whose test records are hostile, all spans wrong."""
    folder = tmp_path / "hostile"
    shutil.copytree(run_of_kind["both"].folder, folder)
    path = folder / "predictions" / "test.jsonl"
    record = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    n = len(HOSTILE)
    record["tokens"], record["gold"] = HOSTILE, {"tags": ["B-PER"] * n, "label": "<img src=x>"}
    kept = {"confidences": [0.5] * n}
    record["predictions"] = {
        "tags": {"labels": [f"B-{HOSTILE[0]}"] * n, **kept},
        "label": {"labels": ["ask"], "confidences": [0.9]},
    }
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return folder


def test_hostile_records_are_shown_and_do_nothing(hostile: Path) -> None:
    document = report_of(hostile, n_examples=5)
    page = written(document, "html")
    page.encode("utf-8")
    assert page.count("<script") == 1
    assert page.count("</style>") == 1
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "[U+D800]" in page
    assert "[U+202E]" in page
    written(document, "markdown").encode("utf-8")
    json.loads(written(document, "json"))


def test_missing_training_data_is_reported(run_of_kind: Mapping[str, Run], tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(run_of_kind["both"].folder, folder)
    config = folder / "config.yaml"
    text = config.read_text(encoding="utf-8")
    data = FinishedRun(folder).config["data"]["dir"]
    config.write_text(text.replace(str(data), str(tmp_path / "nowhere")), encoding="utf-8")
    (note,) = sections(report_of(folder, n_examples=1))["Seen and unseen spans"].blocks
    assert isinstance(note, Paragraph)
    assert note.text.startswith("The training records could not be read again:")
    assert "nowhere" in note.text


def test_a_path_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist; expected a run, a folder of runs, or a study"):
        report_of(tmp_path / "nowhere", n_examples=1)
    with pytest.raises(DataError, match="no runs here or below"):
        report_of(tmp_path, n_examples=1)
