"""The report of a run on several data sets looks at each head on its own set."""

from seqlab.report.document.model import Section, Table
from seqlab.report.subject import report_of
from seqlab.training.train import Run


def table(section: Section) -> list[dict[str, object]]:
    found = next(block for block in section.blocks if isinstance(block, Table))
    return [dict(zip([column.name for column in found.columns], row, strict=True)) for row in found.rows]


def test_each_head_has_its_sections_scores_and_answers(finished: Run) -> None:
    document = report_of(finished.folder, n_examples=1)
    heads = {section.title: section for section in document.sections if section.title.startswith("Head ")}
    assert set(heads) == {"Head tags", "Head label"}
    inner = {title: {section.title: section for section in head.sections} for title, head in heads.items()}
    (accuracy,) = [row["value"] for row in table(inner["Head label"]["Scores"]) if row["score"] == "accuracy"]
    assert accuracy == finished.metrics["test"]["label"]["accuracy"]
    strict = next(row for row in table(inner["Head tags"]["Scores"]) if row["span matching"] == "strict")
    assert strict["F1"] == finished.metrics["test"]["tags"]["span_f1"]["strict"]
    facts = {str(row["fact"]): str(row["value"]) for row in table(document.sections[0])}
    assert "SampleReader" in facts["data news"]
    assert "SampleReader" in facts["data requests"]
    texts = "".join(getattr(block, "left_out", "") for head in inner.values() for block in head["Worst records"].blocks)
    assert "predictions/news/test.jsonl" in texts or "predictions/requests/test.jsonl" in texts
