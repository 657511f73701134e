"""Tables and sections that several kinds of heads share."""

from collections import Counter
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
"""Words shown before and after a suspect."""


def scores_section(scores: Mapping[str, Any]) -> Section:
    """Return the scores of a head that are single numbers; span scores by matching mode."""
    rest = flat_scores({name: value for name, value in scores.items() if name not in (*_OF_SPANS.values(), "matches")})
    blocks: list[Block] = []
    if "span_f1" in scores:
        columns = [Column("span matching"), *(Column(name, "share") for name in _OF_SPANS)]
        rows = [[mode, *(scores[key].get(mode) for key in _OF_SPANS.values())] for mode in scores["span_f1"]]
        blocks.append(Table(columns, rows))
    if rest:
        blocks.append(Table([Column("score"), Column("value", "number")], [list(pair) for pair in rest.items()]))
    return Section("Scores", blocks)


def per_label_section(scores: Mapping[str, Any], *, key: str, what: str) -> Section:
    """Return precision, recall and F1 of each label, most frequent first."""
    title, per_label = f"Scores by {what}", scores.get(key)
    if not per_label:
        return Section(title, [Paragraph(f"The run kept no scores by {what}.")])
    columns = [Column(what), *(Column(name, "share") for name in ("F1", "precision", "recall")), Column("support", "count")]
    ranked = sorted(per_label.items(), key=lambda item: (-item[1]["support"], item[0]))
    return Section(
        title, [Table(columns, [[label, s["f1"], s["precision"], s["recall"], s["support"]] for label, s in ranked])]
    )


def confusion_section(pairs: Sequence[tuple[str | None, str | None]], *, note: str) -> Section:
    """Return the confusion matrix of (gold, predicted), and the most frequent confusions."""
    confusion = Confusion.of(pairs, max_labels=MAX_LABELS)
    if not confusion.labels:
        return Section("Confusion", [Paragraph("There are no labels, neither gold nor predicted.")])
    blocks: list[Block] = [Figure(Matrix(confusion.labels, confusion.counts), note)]
    if most := confusion.most_confused(_MAX_CONFUSED):
        columns = [Column("gold"), Column("predicted"), Column("times", "count"), Column("of the row", "share")]
        caption = f"The most frequent confusions, at most {_MAX_CONFUSED}."
        blocks.append(Table(columns, [list(pair) for pair in most], caption=caption))
    return Section("Confusion", blocks)


def kinds_table(counts: Counter[str], meanings: Mapping[str, str], *, of: str) -> Table:
    """Return the number and share of each kind of error, with its meaning."""
    total = counts.total()
    columns = [Column("kind"), Column(of, "count"), Column("of all errors", "share"), Column("meaning")]
    rows = [[kind, counts[kind], counts[kind] / total if total else None, meaning] for kind, meaning in meanings.items()]
    return Table(columns, rows)


def tallies_table(tallies: Mapping[str, Tally], *, order: Iterable[str], what: str) -> Table:
    """Return precision, recall and F1 of each class, without empty classes."""
    columns = [Column(what), Column("gold", "count"), Column("predicted", "count"), Column("right", "count")]
    columns += [Column("precision", "share"), Column("recall", "share"), Column("F1", "share")]
    rows = [
        [name, t.n_gold, t.n_predicted, t.n_correct, t.precision, t.recall, t.f1]
        for name in order
        if (t := tallies.get(name)) is not None
    ]
    return Table(columns, rows)


def shares_table(counts: Mapping[str, Sequence[bool]], *, order: Iterable[str], what: str, of: str) -> Table:
    """Return the share of right items in each class, without empty classes."""
    columns = [Column(what), Column(of, "count"), Column("right", "count"), Column("share", "share")]
    rows: list[list[Value]] = [[name, len(c), sum(c), sum(c) / len(c)] for name in order if (c := counts.get(name))]
    return Table(columns, rows)


def calibration_section(confidences: Sequence[float], is_right: Sequence[bool], *, what: str) -> Section:
    """Return the reliability diagram of answers and their expected calibration error."""
    if not confidences:
        return Section("Calibration", [Paragraph("There are no confidences: nothing was predicted, or the run kept none.")])
    within = [min(1.0, max(0.0, value)) for value in confidences]
    error = expected_calibration_error(within, is_right, n_bins=N_BINS)
    note = (
        f"Accuracy of the {len(confidences):,} {what} by confidence (bars; dots at the mean confidence). For a calibrated "
        f"model, the dots lie on the dashed line. Expected calibration error: {error:.4f} (weighted mean distance over "
        f"{N_BINS} bins of equal width)."
    )
    return Section("Calibration", [Figure(Reliability(reliability_bins(within, is_right, n_bins=N_BINS)), note)])


def suspects_section(judgements: Sequence[Judgement], answers: Sequence[Answer]) -> Section:
    """Return the gold labels that may be wrong."""
    found = suspects(judgements)
    n_wrong = sum(judgement.gold != judgement.predicted for judgement in judgements)
    note = (
        "Disagreements in which the model is at least as confident as it is on average where gold agrees with that label. This "
        "follows confident learning (Northcutt, Jiang and Chuang 2021), but with thresholds from predicted labels alone, which "
        "finds fewer suspects. A suspect need not be an error in gold: a confident but wrong model looks the same."
    )
    blocks: list[Block] = [Paragraph(note, is_note=True)]
    shown = found[:_MAX_SUSPECTS]
    columns = [Column("record"), Column("context"), Column("gold"), Column("predicted"), Column("confidence", "number")]
    columns.append(Column("mean where both agree", "number"))
    rows: list[list[Value]] = [
        [answers[j.record].id, _context(answers[j.record].tokens, j), j.gold or NONE, j.predicted or NONE, j.confidence, limit]
        for j, limit in shown
    ]
    if found:
        blocks.append(Paragraph(f"{len(found):,} of {n_wrong:,} disagreements; the {len(shown)} most confident are shown."))
        blocks.append(Table(columns, rows))
    else:
        blocks.append(Paragraph(f"None of {n_wrong:,} disagreements."))
    return Section("Labels that may be wrong", blocks)


def _context(tokens: Sequence[str], judgement: Judgement) -> str:
    """Return the words in question with some words around them; long spans are cut."""
    start, end = judgement.start, judgement.end
    if not tokens:
        return f"steps {start + 1} to {end}" if end else ""
    if (start, end) == (0, len(tokens)):
        return " ".join(tokens[:_MAX_WORDS]) + (" …" if len(tokens) > _MAX_WORDS else "")
    before, after = tokens[max(0, start - _AROUND) : start], tokens[end : end + _AROUND]
    inner = tokens[start : min(end, start + _MAX_WORDS)]
    left, right = "… " if start > _AROUND else "", " …" if end + _AROUND < len(tokens) else ""
    return f"{left}{' '.join([*before, '[' + ' '.join(inner) + ']', *after])}{right}"
