"""Sections for heads that predict labels in order, without alignment in gold."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from seqlab.heads.parts.answers import SequenceAnswer
from seqlab.report.analysis.counting import in_order, length_class
from seqlab.report.analysis.edits import Pair, aligned
from seqlab.report.analysis.suspects import Judgement
from seqlab.report.charts import Strip
from seqlab.report.document.model import Column, Example, Mark, Section, Status, Table, Value
from seqlab.report.run.context import Context
from seqlab.report.run.examples import counted, cut_line, worst_section
from seqlab.report.run.tables import calibration_section, confusion_section, kinds_section, suspects_section

_MAX_STRIP = 400
"""Steps; longer records show labels only."""
_KINDS = {
    "substitution": "a different label in the same position",
    "deletion": "a gold label without a prediction",
    "insertion": "a predicted label that gold does not have",
}


def sequence_sections(answers: Sequence[SequenceAnswer], context: Context) -> list[Section]:
    """Return the sections."""
    pairs = [aligned(answer.gold, answer.predicted) for answer in answers]
    n_errors = [sum(gold != predicted for gold, predicted in of_record) for of_record in pairs]
    flat = [pair for of_record in pairs for pair in of_record]
    judged = [judgement for i, answer in enumerate(answers) for judgement in _judgements(i, answer, pairs[i])]
    note = (
        "Rows are gold labels, columns predicted ones, aligned with the fewest edits. Deleted labels are in column (none), "
        "inserted ones in row (none)."
    )
    return [
        _kinds(flat),
        confusion_section(flat, note=note),
        _lengths(answers, n_errors),
        worst_section(answers, n_errors, lambda i: _example(answers[i], pairs[i], n_errors[i]), context),
        calibration_section([(j.confidence, j.gold == j.predicted) for j in judged], what="labels predicted"),
        suspects_section(judged, answers),
    ]


def _kinds(pairs: Sequence[Pair]) -> Section:
    counts = Counter(_kind(pair) for pair in pairs if pair[0] != pair[1])
    note = f"{len(pairs) - counts.total():,} labels are right; the others need {counts.total():,} edits."
    return kinds_section(counts, _KINDS, of="labels", note=note)


def _kind(pair: Pair) -> str:
    return "insertion" if pair[0] is None else "deletion" if pair[1] is None else "substitution"


def _lengths(answers: Sequence[SequenceAnswer], n_errors: Sequence[int]) -> Section:
    counts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for answer, n in zip(answers, n_errors, strict=True):
        counts[length_class(len(answer.gold))].append((n, len(answer.gold)))
    columns = [Column("labels in gold"), Column("records", "count"), Column("records without error", "share")]
    columns += [Column("edits", "count"), Column("label error rate", "share")]
    rows: list[list[Value]] = []
    for name in in_order(counts):
        errors, sizes = zip(*counts[name], strict=True)
        rows.append([name, len(errors), errors.count(0) / len(errors), sum(errors), sum(errors) / max(1, sum(sizes))])
    return Section("By length", [Table(columns, rows)])


def _judgements(record: int, answer: SequenceAnswer, pairs: Sequence[Pair]) -> list[Judgement]:
    """Return a judgement for each predicted label, with the gold label aligned to it; none without confidences."""
    predicted = [pair for pair in pairs if pair[1] is not None]
    places = answer.places or [(0, 0)] * len(predicted)
    rows = zip(predicted, answer.confidences, places, strict=True) if answer.confidences else ()
    return [Judgement(record, *pair, confidence, *place) for pair, confidence, place in rows]


def _example(answer: SequenceAnswer, pairs: Sequence[Pair], n_errors: int) -> Example:
    gold, predicted = [pair for pair in pairs if pair[0] is not None], [pair for pair in pairs if pair[1] is not None]
    lines = [
        cut_line("gold", answer.gold, _marks(gold, missing="missed")),
        cut_line("predicted", answer.predicted, _marks(predicted, missing="spurious")),
    ]
    if answer.tokens:
        lines.insert(0, cut_line("record", answer.tokens))
    n_steps = max(len(answer.tokens), *(end for _, end in answer.places)) if answer.places else 0
    is_right = [right == label for right, label in predicted]
    fits = 0 < n_steps <= _MAX_STRIP
    strip = Strip(answer.tokens, answer.predicted, answer.places, answer.confidences, is_right) if fits else None
    return Example(answer.id, lines, counted(n_errors, "error"), strip)


def _marks(pairs: Sequence[Pair], *, missing: Status) -> list[Mark]:
    return [Mark(i, i + 1, "", "wrong" if None not in pair else missing) for i, pair in enumerate(pairs) if pair[0] != pair[1]]
