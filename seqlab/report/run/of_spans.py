"""Sections for heads that find spans."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from seqlab.report.analysis.answers import SpanAnswer
from seqlab.report.analysis.counting import Tally, in_order, length_class
from seqlab.report.analysis.familiarity import FAMILIARITIES, Training
from seqlab.report.analysis.span_cases import CORRECT, MEANINGS, MISSED, SpanCase, span_cases
from seqlab.report.analysis.suspects import Judgement
from seqlab.report.document.model import Example, Mark, Paragraph, Section, Status
from seqlab.report.run.examples import counted, cut_line, worst_section
from seqlab.report.run.tables import (
    calibration_section,
    confusion_section,
    kinds_table,
    shares_table,
    suspects_section,
    tallies_table,
)
from seqlab.types import Span

_STATUS: dict[str, Status] = {CORRECT: "right", MISSED: "missed", "spurious": "spurious"}
_WIDTHS = (1, 2, 3, 4, 6, 10)
"""Lower bounds of the width classes, in steps."""
_CONFUSION = (
    "Types of paired spans, whatever their bounds: rows are gold, columns are predictions; the shade is the share of the row. "
    "Missed spans are in column (none), spurious ones in row (none)."
)


def span_sections(answers: Sequence[SpanAnswer], *, training: Training | str, n_examples: int, where: str) -> list[Section]:
    """Return the sections; `training` is a message if the data cannot be read."""
    cases = [span_cases(answer) for answer in answers]
    flat = [case for of_record in cases for case in of_record]
    pairs = [(case.gold and case.gold.label, case.found and case.found.label) for case in flat]
    predicted = [case for case in flat if case.found is not None and case.confidence is not None]
    by_id = dict(zip(map(id, answers), cases, strict=True))
    return [
        _kinds(flat),
        confusion_section(pairs, note=_CONFUSION),
        _familiarity(answers, cases, training),
        _lengths(answers, cases),
        worst_section(
            answers,
            n_errors=lambda answer: sum(case.kind != CORRECT for case in by_id[id(answer)]),
            example=lambda answer: _example(answer, by_id[id(answer)]),
            n_shown=n_examples,
            where=where,
        ),
        calibration_section([c.confidence or 0.0 for c in predicted], [c.kind == CORRECT for c in predicted], what="spans"),
        suspects_section(_judgements(answers, cases), answers),
    ]


def _kinds(cases: Sequence[SpanCase]) -> Section:
    counts = Counter(case.kind for case in cases)
    n_right = counts.pop(CORRECT, 0)
    note = f"{n_right:,} spans are right, {counts.total():,} are not; a gold span and an overlapping prediction are one error."
    return Section("Errors by kind", [Paragraph(note), kinds_table(counts, MEANINGS, of="spans")])


def _familiarity(answers: Sequence[SpanAnswer], cases: Sequence[Sequence[SpanCase]], training: Training | str) -> Section:
    title = "Seen and unseen spans"
    if isinstance(training, str):
        return Section(title, [Paragraph(training)])
    counts: dict[str, list[bool]] = defaultdict(list)
    for answer, of_record in zip(answers, cases, strict=True):
        for case in of_record:
            if case.gold is not None:
                form = answer.tokens[case.gold.start : case.gold.end]
                counts[training.familiarity(form, case.gold.label)].append(case.kind == CORRECT)
    note = "Recall of gold spans by whether the training records have the same words (compared exactly) as a span."
    return Section(title, [Paragraph(note), shares_table(counts, order=FAMILIARITIES, what="in training", of="gold spans")])


def _lengths(answers: Sequence[SpanAnswer], cases: Sequence[Sequence[SpanCase]]) -> Section:
    records: dict[str, Tally] = defaultdict(Tally)
    spans: dict[str, Tally] = defaultdict(Tally)
    for answer, of_record in zip(answers, cases, strict=True):
        for case in of_record:
            records[length_class(len(answer.tokens))].add(case.gold, case.found)
            if case.gold is not None:
                spans[_width_class(case.gold)].add(case.gold, case.gold if case.kind == CORRECT else None)
            if case.found is not None and case.kind != CORRECT:
                spans[_width_class(case.found)].add(None, case.found)
    by_record = tallies_table(records, order=in_order(records), what="steps of the record")
    by_span = tallies_table(spans, order=in_order(spans), what="steps of the span")
    return Section("By length", [by_record, by_span])


def _width_class(span: Span) -> str:
    return length_class(span.end - span.start, lows=_WIDTHS)


def _example(answer: SpanAnswer, cases: Sequence[SpanCase]) -> Example:
    gold = [_mark(case.gold, case) for case in cases if case.gold is not None]
    found = [_mark(case.found, case) for case in cases if case.found is not None]
    lines = [cut_line("gold", answer.tokens, gold), cut_line("predicted", answer.tokens, found)]
    kinds = Counter(case.kind for case in cases if case.kind != CORRECT)
    note = ", ".join(f"{kind} {n}" if n > 1 else kind for kind, n in kinds.items())
    return Example(answer.id, lines, note=f"{counted(kinds.total(), 'error')}: {note}")


def _mark(span: tuple[int, int, str], case: SpanCase) -> Mark:
    start, end, label = span
    is_wrong = span is case.found and case.kind != CORRECT
    confidence = f" {case.confidence:.2f}" if is_wrong and case.confidence is not None else ""
    return Mark(start, end, f"{label}{confidence}", _STATUS.get(case.kind, "wrong"))


def _judgements(answers: Sequence[SpanAnswer], cases: Sequence[Sequence[SpanCase]]) -> list[Judgement]:
    """Return a judgement for each predicted span, each missed span and each step that both sides leave outside.

    A predicted span whose bounds differ from gold counts as one without gold. The confidence of a missed span is that of its
    least confident tag.
    """
    found = []
    for i, (answer, of_record) in enumerate(zip(answers, cases, strict=True)):
        for case in of_record:
            if case.found is not None and case.confidence is not None:
                same_bounds = case.gold is not None and case.gold[:2] == case.found[:2]
                gold = case.gold.label if case.gold is not None and same_bounds else None
                found.append(Judgement(i, gold, case.found.label, case.confidence, case.found.start, case.found.end))
            elif case.kind == MISSED and case.gold is not None and answer.tag_confidences:
                start, end, label = case.gold
                found.append(Judgement(i, label, None, min(answer.tag_confidences[start:end]), start, end))
        found += _agreed_outside(i, answer)
    return found


def _agreed_outside(record: int, answer: SpanAnswer) -> list[Judgement]:
    """Return the steps outside all spans, where gold and the model agree."""
    if not answer.tag_confidences:
        return []
    inside = {step for span in (*answer.gold, *answer.found) for step in range(span.start, span.end)}
    steps = [step for step in range(len(answer.tokens)) if step not in inside]
    return [Judgement(record, None, None, answer.tag_confidences[step], step, step + 1) for step in steps]
