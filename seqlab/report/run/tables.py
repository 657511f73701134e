"""Tables and sections that several kinds of heads share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from seqlab.heads.parts.answers import Answer
from seqlab.metrics.calibration import N_BINS, expected_calibration_error, reliability_bins
from seqlab.metrics.flat_scores import flat_scores
from seqlab.report.analysis.confusion import NONE, Confusion
from seqlab.report.analysis.counting import in_order
from seqlab.report.analysis.suspects import Judgement, suspects
from seqlab.report.charts import Matrix, Reliability
from seqlab.report.document.model import Block, Column, Figure, Paragraph, Section, Table, Value

MAX_LABELS = 80
_MAX_CONFUSED, _MAX_SUSPECTS, _MAX_WORDS = 20, 20, 30
_OF_SPANS = {"F1": "span_f1", "precision": "precision", "recall": "recall"}
_PRECISION_RECALL = [Column("precision", "share"), Column("recall", "share")]
_AROUND = 4
"""Words shown before and after a suspect."""


def scores_section(scores: Mapping[str, Any]) -> Section:
    """Return the scores of a head that are single numbers; span scores by matching mode."""
    # Span scores have a table of their own, with a row for each way of matching.
    rest = flat_scores({name: value for name, value in scores.items() if name not in (*_OF_SPANS.values(), "matches")})
    blocks: list[Block] = []
    if "span_f1" in scores:
        columns = [Column("span matching"), *(Column(name, "share") for name in _OF_SPANS)]
        rows = [[mode, *(scores[key].get(mode) for key in _OF_SPANS.values())] for mode in scores["span_f1"]]
        blocks.append(Table(columns, rows))
    if rest:
        blocks.append(Table([Column("score"), Column("value", "number")], list(rest.items())))
    return Section("Scores", blocks)


def per_label_section(per_label: Mapping[str, Mapping[str, Any]], *, what: str) -> Section:
    """Return precision, recall and F1 of each label, most frequent first."""
    columns = [Column(what), Column("F1", "share"), *_PRECISION_RECALL, Column("support", "count")]
    ranked = sorted(per_label.items(), key=lambda item: (-item[1]["support"], item[0]))
    rows = [[label, *(scores[key] for key in ("f1", "precision", "recall", "support"))] for label, scores in ranked]
    return Section(f"Scores by {what}", [Table(columns, rows)])


def confusion_section(pairs: Sequence[tuple[str | None, str | None]], *, note: str) -> Section:
    """Return the confusion matrix of (gold, predicted), and the most frequent confusions."""
    confusion = Confusion.of(pairs, max_labels=MAX_LABELS)
    if not confusion.labels:
        return Section("Confusion", [Paragraph("There are no labels, neither gold nor predicted.")])
    blocks: list[Block] = [Figure(Matrix(confusion.labels, confusion.counts), note)]
    if most := confusion.most_confused(_MAX_CONFUSED):
        columns = [Column("gold"), Column("predicted"), Column("times", "count"), Column("of the row", "share")]
        caption = f"The most frequent confusions, at most {_MAX_CONFUSED}."
        blocks.append(Table(columns, most, caption))
    return Section("Confusion", blocks)


def kinds_section(counts: Counter[str], meanings: Mapping[str, str], *, of: str, note: str) -> Section:
    """Return the number and share of each kind of error, with its meaning."""
    columns = [Column("kind"), Column(of, "count"), Column("of all errors", "share"), Column("meaning")]
    rows = [[kind, counts[kind], _share(counts[kind], counts.total()), meaning] for kind, meaning in meanings.items()]
    return Section("Errors by kind", [Paragraph(note), Table(columns, rows)])


def pairs_table(pairs: Mapping[str, Sequence[tuple[object, object]]], *, what: str) -> Table:
    """Return precision, recall and F1 of each class of lengths, from its pairs of gold and predicted items or None."""
    columns = [Column(what), Column("gold", "count"), Column("predicted", "count"), Column("right", "count")]
    rows: list[list[Value]] = []
    for name in in_order(pairs):
        n_gold = sum(gold is not None for gold, _ in pairs[name])
        n_found = sum(found is not None for _, found in pairs[name])
        n_right = sum(gold == found for gold, found in pairs[name])
        scores = _share(n_right, n_found), _share(n_right, n_gold), _share(2 * n_right, n_gold + n_found)
        rows.append([name, n_gold, n_found, n_right, *scores])
    return Table([*columns, *_PRECISION_RECALL, Column("F1", "share")], rows)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def shares_table(counts: Mapping[str, Sequence[bool]], *, order: Sequence[str] = (), what: str, of: str) -> Table:
    """Return the share of right items in each class without empty ones; classes of lengths need no `order`."""
    columns = [Column(what), Column(of, "count"), Column("right", "count"), Column("share", "share")]
    named = [(name, counts[name]) for name in order or in_order(counts) if name in counts]
    return Table(columns, [[name, len(found), sum(found), sum(found) / len(found)] for name, found in named])


def calibration_section(answers: Sequence[tuple[float, bool]], *, what: str) -> Section:
    """Return the reliability diagram of answers, as (confidence, is right), and their expected calibration error."""
    if not answers:
        return Section("Calibration", [Paragraph("There are no confidences: nothing was predicted, or the run kept none.")])
    # Sums of probabilities may exceed 1 by a rounding error.
    confidences = [min(1.0, max(0.0, confidence)) for confidence, _ in answers]
    is_right = [right for _, right in answers]
    error = expected_calibration_error(confidences, is_right, n_bins=N_BINS)
    note = (
        f"Accuracy of the {len(answers):,} {what} by confidence (bars; dots at the mean confidence). For a calibrated "
        f"model, the dots lie on the dashed line. Expected calibration error: {error:.4f} (weighted mean distance over "
        f"{N_BINS} bins of equal width)."
    )
    return Section("Calibration", [Figure(Reliability(reliability_bins(confidences, is_right, n_bins=N_BINS)), note)])


def suspects_section(judgements: Sequence[Judgement], answers: Sequence[Answer]) -> Section:
    """Return the gold labels that may be wrong."""
    title, found = "Labels that may be wrong", suspects(judgements)
    n_wrong = sum(judgement.gold != judgement.predicted for judgement in judgements)
    note = Paragraph(
        "Disagreements in which the model is at least as confident as it is on average where gold agrees with that label. This "
        "follows confident learning (Northcutt, Jiang and Chuang 2021), but with thresholds from predicted labels alone, which "
        "finds fewer suspects. A suspect need not be an error in gold: a confident but wrong model looks the same.",
        is_note=True,
    )
    if not found:
        return Section(title, [note, Paragraph(f"None of {n_wrong:,} disagreements.")])
    columns = [Column("record"), Column("context"), Column("gold"), Column("predicted"), Column("confidence", "number")]
    columns.append(Column("mean where both agree", "number"))
    rows: list[list[Value]] = [
        [answers[j.record].id, _context(answers[j.record].tokens, j), j.gold or NONE, j.predicted or NONE, j.confidence, limit]
        for j, limit in found[:_MAX_SUSPECTS]
    ]
    count = f"{len(found):,} of {n_wrong:,} disagreements; the {len(rows)} most confident are shown."
    return Section(title, [note, Paragraph(count), Table(columns, rows)])


def _context(tokens: Sequence[str], judgement: Judgement) -> str:
    """Return the words in question with some words around them; long spans are cut."""
    start, end = judgement.start, judgement.end
    if not tokens:
        return f"steps {start + 1} to {end}" if end else ""
    # Brackets around the whole record would say nothing.
    if (start, end) == (0, len(tokens)):
        return " ".join(tokens[:_MAX_WORDS]) + (" …" if len(tokens) > _MAX_WORDS else "")
    before, after = tokens[max(0, start - _AROUND) : start], tokens[end : end + _AROUND]
    inner = tokens[start : min(end, start + _MAX_WORDS)]
    left, right = "… " if start > _AROUND else "", " …" if end + _AROUND < len(tokens) else ""
    return f"{left}{' '.join([*before, '[' + ' '.join(inner) + ']', *after])}{right}"
