"""Sections for heads that predict labels in order, without alignment in gold."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from seqlab.report.analysis.answers import SequenceAnswer
from seqlab.report.analysis.counting import in_order, length_class
from seqlab.report.analysis.edits import Pair, aligned
from seqlab.report.analysis.suspects import Judgement
from seqlab.report.document.charts import Strip
from seqlab.report.document.model import Column, Example, Mark, Paragraph, Section, Status, Table, Value
from seqlab.report.run.examples import counted, cut_line, worst_section
from seqlab.report.run.tables import calibration_section, confusion_section, kinds_table, suspects_section

_MAX_STRIP = 400
"""Steps; longer records show labels only."""
_KINDS = {
    "substitution": "a different label in the same position",
    "deletion": "a gold label without a prediction",
    "insertion": "a predicted label that gold does not have",
}


def sequence_sections(answers: Sequence[SequenceAnswer], *, n_examples: int, where: str) -> list[Section]:
    """Return the sections."""
    pairs = {id(answer): aligned(answer.gold, answer.predicted) for answer in answers}
    flat = [pair for of_record in pairs.values() for pair in of_record]
    judged = [judgement for i, answer in enumerate(answers) for judgement in _judgements(i, answer, pairs[id(answer)])]
    note = (
        "Rows are gold labels, columns predicted ones, aligned with the fewest edits. Deleted labels are in column (none), "
        "inserted ones in row (none)."
    )
    return [
        _kinds(flat),
        confusion_section(flat, note=note),
        _lengths(answers, [pairs[id(answer)] for answer in answers]),
        worst_section(
            answers,
            n_errors=lambda answer: _n_errors(pairs[id(answer)]),
            example=lambda answer: _example(answer, pairs[id(answer)]),
            n_shown=n_examples,
            where=where,
        ),
        calibration_section([j.confidence for j in judged], [j.gold == j.predicted for j in judged], what="labels predicted"),
        suspects_section(judged, answers),
    ]


def _n_errors(pairs: Sequence[Pair]) -> int:
    return sum(gold != predicted for gold, predicted in pairs)


def _kinds(pairs: Sequence[Pair]) -> Section:
    counts = Counter(_kind(pair) for pair in pairs if pair[0] != pair[1])
    note = f"{len(pairs) - counts.total():,} labels are right; the others need {counts.total():,} edits."
    return Section("Errors by kind", [Paragraph(note), kinds_table(counts, _KINDS, of="labels")])


def _kind(pair: Pair) -> str:
    return "insertion" if pair[0] is None else "deletion" if pair[1] is None else "substitution"


def _lengths(answers: Sequence[SequenceAnswer], pairs: Sequence[Sequence[Pair]]) -> Section:
    counts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for answer, of_record in zip(answers, pairs, strict=True):
        counts[length_class(len(answer.gold))].append((_n_errors(of_record), len(answer.gold)))
    columns = [Column("labels in gold"), Column("records", "count"), Column("records without error", "share")]
    columns += [Column("edits", "count"), Column("label error rate", "share")]
    rows: list[list[Value]] = []
    for name in in_order(counts):
        errors, totals = [n for n, _ in counts[name]], sum(total for _, total in counts[name])
        rows.append([name, len(errors), errors.count(0) / len(errors), sum(errors), sum(errors) / max(1, totals)])
    return Section("By length", [Table(columns, rows)])


def _judgements(record: int, answer: SequenceAnswer, pairs: Sequence[Pair]) -> list[Judgement]:
    """Return a judgement for each predicted label, with the gold label aligned to it."""
    gold_of_said = [gold for gold, predicted in pairs if predicted is not None]
    places = answer.places or [(0, 0)] * len(answer.predicted)
    rows = zip(gold_of_said, answer.predicted, answer.confidences, places, strict=True) if answer.confidences else []
    return [Judgement(record, gold, predicted, confidence, start, end) for gold, predicted, confidence, (start, end) in rows]


def _example(answer: SequenceAnswer, pairs: Sequence[Pair]) -> Example:
    gold, predicted = [pair for pair in pairs if pair[0] is not None], [pair for pair in pairs if pair[1] is not None]
    lines = [
        cut_line("gold", [right or "" for right, _ in gold], _marks(gold, missing="missed")),
        cut_line("predicted", [label or "" for _, label in predicted], _marks(predicted, missing="spurious")),
    ]
    if answer.tokens:
        lines.insert(0, cut_line("record", answer.tokens, []))
    return Example(answer.id, lines, note=counted(_n_errors(pairs), "error"), chart=_strip(answer, predicted))


def _marks(pairs: Sequence[Pair], *, missing: Status) -> list[Mark]:
    return [Mark(i, i + 1, "", "wrong" if None not in pair else missing) for i, pair in enumerate(pairs) if pair[0] != pair[1]]


def _strip(answer: SequenceAnswer, predicted: Sequence[Pair]) -> Strip | None:
    n_steps = max(len(answer.tokens), *(end for _, end in answer.places)) if answer.places else 0
    if not n_steps or n_steps > _MAX_STRIP:
        return None
    return Strip(
        answer.tokens, answer.predicted, answer.places, answer.confidences, [gold == label for gold, label in predicted]
    )
