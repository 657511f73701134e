"""Tables that several kinds of heads share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqlab.metrics.calibration import N_BINS, expected_calibration_error, reliability_bins
from seqlab.metrics.flat_scores import flat_scores
from seqlab.report.analysis.answers import Answer
from seqlab.report.analysis.confusion import NONE, Confusion
from seqlab.report.analysis.counting import Tally
from seqlab.report.analysis.suspects import Judgement, suspects
from seqlab.report.document.charts import Matrix, Reliability
from seqlab.report.document.model import Block, Column, Figure, Paragraph, Section, Table, Value

MAX_LABELS = 80
_MAX_CONFUSED, _MAX_SUSPECTS, _MAX_WORDS = 20, 20, 30
_OF_SPANS = {"F1": "span_f1", "precision": "precision", "recall": "recall"}
_AROUND = 4
"""Words before and after what may be mislabelled."""


def scores_section(scores: Mapping[str, Any]) -> Section:
    """Return all scores of a head that are single numbers; those of spans by how they are counted."""
    rest = flat_scores({name: value for name, value in scores.items() if name not in (*_OF_SPANS.values(), "matches")})
    blocks: list[Block] = []
    if "span_f1" in scores:
        columns = [Column("spans, counted"), *(Column(name, "share") for name in _OF_SPANS)]
        rows = [[mode, *(scores[key].get(mode) for key in _OF_SPANS.values())] for mode in scores["span_f1"]]
        blocks.append(Table(columns, rows))
    if rest:
        blocks.append(Table([Column("score"), Column("value", "number")], [list(pair) for pair in rest.items()]))
    return Section("Scores", blocks)


def per_label_section(scores: Mapping[str, Any], *, key: str, what: str) -> Section:
    """Return precision, recall and F1 of each label, the most frequent first."""
    columns = [Column(what), *(Column(name, "share") for name in ("F1", "precision", "recall")), Column("support", "count")]
    per_label = sorted(scores.get(key, {}).items(), key=lambda item: (-item[1]["support"], item[0]))
    rows = [[label, s["f1"], s["precision"], s["recall"], s["support"]] for label, s in per_label]
    told = "" if rows else f"The run kept no scores by {what}."
    return Section(f"Scores by {what}", [Table(columns, rows)] if rows else [Paragraph(told)])


def confusion_section(pairs: Sequence[tuple[str | None, str | None]], *, told: str) -> Section:
    """Return the confusion matrix of (gold, said), and the most frequent confusions."""
    confusion = Confusion.of(pairs, max_labels=MAX_LABELS)
    if not confusion.labels:
        return Section("Confusion", [Paragraph("There is nothing to confuse: no label in gold, and none was said.")])
    blocks: list[Block] = [Figure(Matrix(confusion.labels, confusion.counts), told)]
    if most := confusion.most_confused(_MAX_CONFUSED):
        columns = [Column("gold"), Column("said"), Column("times", "count"), Column("of the row", "share")]
        blocks.append(
            Table(columns, [list(pair) for pair in most], caption=f"The most frequent confusions, at most {_MAX_CONFUSED}.")
        )
    return Section("Confusion", blocks)


def tallies_table(tallies: Mapping[str, Tally], *, order: Iterable[str], what: str) -> Table:
    """Return precision, recall and F1 of each class of what was counted; classes without anything are left out."""
    columns = [Column(what), Column("gold", "count"), Column("said", "count"), Column("right", "count")]
    columns += [Column("precision", "share"), Column("recall", "share"), Column("F1", "share")]
    rows = [
        [name, t.n_gold, t.n_said, t.n_correct, t.precision, t.recall, t.f1]
        for name in order
        if (t := tallies.get(name)) is not None
    ]
    return Table(columns, rows)


def shares_table(counts: Mapping[str, Sequence[bool]], *, order: Iterable[str], what: str, of: str) -> Table:
    """Return the share of right ones in each class; classes without any are left out."""
    columns = [Column(what), Column(of, "count"), Column("right", "count"), Column("share", "share")]
    rows: list[list[Value]] = [[name, len(c), sum(c), sum(c) / len(c)] for name in order if (c := counts.get(name))]
    return Table(columns, rows)


def calibration_section(sure: Sequence[float], is_right: Sequence[bool], *, what: str) -> Section:
    """Return the reliability diagram of answers and their expected calibration error."""
    if not sure:
        return Section("Calibration", [Paragraph("No confidences were kept, or nothing was said.")])
    within = [min(1.0, max(0.0, value)) for value in sure]
    error = expected_calibration_error(within, is_right, n_bins=N_BINS)
    told = (
        f"Of the {len(sure):,} {what}, the share that is right (bars; dots at the mean confidence) by confidence; on the "
        f"dashed line, they would be as sure as they are right. Expected calibration error: {error:.4f} (mean distance, "
        f"weighted by numbers, over {N_BINS} bins of equal width)."
    )
    return Section("Calibration", [Figure(Reliability(reliability_bins(within, is_right, n_bins=N_BINS)), told)])


def suspects_section(judgements: Sequence[Judgement], answers: Sequence[Answer]) -> Section:
    """Return where gold may be wrong."""
    found = suspects(judgements)
    n_wrong = sum(judgement.gold != judgement.said for judgement in judgements)
    told = (
        "Gold and the model disagree, and the model is at least as sure as it is on average where both agree on the label it "
        "says (after confident learning, Northcutt, Jiang and Chuang 2021; thresholds come from the label said alone, so there "
        "are fewer suspects than theirs). Not every suspect is a mistake in gold: a model that is sure and wrong looks alike."
    )
    if not found:
        return Section(
            "Labels that may be wrong", [Paragraph(told, is_note=True), Paragraph(f"None of {n_wrong:,} disagreements.")]
        )
    shown = found[:_MAX_SUSPECTS]
    columns = [Column("record"), Column("where"), Column("gold"), Column("said"), Column("confidence", "number")]
    columns.append(Column("mean where both agree", "number"))
    rows: list[list[Value]] = [
        [answers[j.record].id, _context(answers[j.record].tokens, j), j.gold or NONE, j.said or NONE, j.sure, limit]
        for j, limit in shown
    ]
    count = f"{len(found):,} of {n_wrong:,} disagreements; shown are the {len(shown)} surest."
    return Section("Labels that may be wrong", [Paragraph(told, is_note=True), Paragraph(count), Table(columns, rows)])


def _context(tokens: Sequence[str], judgement: Judgement) -> str:
    """Return the words in question between some around them, cut where they are many."""
    start, end = judgement.start, judgement.end
    if not tokens:
        return f"steps {start + 1} to {end}" if end else ""
    if (start, end) == (0, len(tokens)):
        return " ".join(tokens[:_MAX_WORDS]) + (" …" if len(tokens) > _MAX_WORDS else "")
    before, after = tokens[max(0, start - _AROUND) : start], tokens[end : end + _AROUND]
    inner = tokens[start : min(end, start + _MAX_WORDS)]
    left, right = "… " if start > _AROUND else "", " …" if end + _AROUND < len(tokens) else ""
    return f"{left}{' '.join([*before, '[' + ' '.join(inner) + ']', *after])}{right}"
