"""Sections for heads that find spans."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from seqlab.heads.parts.answers import SpanAnswer
from seqlab.report.analysis.counting import length_class
from seqlab.report.analysis.familiarity import FAMILIARITIES
from seqlab.report.analysis.span_cases import CORRECT, MEANINGS, MISSED, SPURIOUS, SpanCase, span_cases
from seqlab.report.analysis.suspects import Judgement
from seqlab.report.document.model import Example, Mark, Paragraph, Section, Status
from seqlab.report.run.context import Context
from seqlab.report.run.examples import counted, cut_line, worst_section
from seqlab.report.run.tables import (
    calibration_section,
    confusion_section,
    kinds_section,
    pairs_table,
    shares_table,
    suspects_section,
)
from seqlab.types import Span

_STATUS: dict[str, Status] = {CORRECT: "right", MISSED: "missed", SPURIOUS: "spurious"}
_WIDTHS = (1, 2, 3, 4, 6, 10)
"""Lower bounds of the width classes, in steps."""
_CONFUSION = (
    "Types of paired spans, whatever their bounds: rows are gold, columns are predictions; the shade is the share of the row. "
    "Missed spans are in column (none), spurious ones in row (none)."
)


def span_sections(answers: Sequence[SpanAnswer], context: Context) -> list[Section]:
    """Return the sections."""
    cases = [span_cases(answer) for answer in answers]
    flat = [case for of_record in cases for case in of_record]
    pairs = [(case.gold and case.gold.label, case.found and case.found.label) for case in flat]
    n_errors = [sum(case.kind != CORRECT for case in of_record) for of_record in cases]
    judged = [judgement for i, answer in enumerate(answers) for judgement in _judgements(i, answer, cases[i])]
    confident = [(case.confidence, case.kind == CORRECT) for case in flat if case.confidence is not None]
    return [
        _kinds(flat),
        confusion_section(pairs, note=_CONFUSION),
        _familiarity(answers, cases, context),
        _lengths(answers, cases),
        worst_section(answers, n_errors, lambda i: _example(answers[i], cases[i], n_errors[i]), context),
        calibration_section(confident, what="spans"),
        suspects_section(judged, answers),
    ]


def _kinds(cases: Sequence[SpanCase]) -> Section:
    counts = Counter(case.kind for case in cases)
    n_right = counts.pop(CORRECT, 0)
    note = f"{n_right:,} spans are right, {counts.total():,} are not; a gold span and an overlapping prediction are one error."
    return kinds_section(counts, MEANINGS, of="spans", note=note)


def _familiarity(answers: Sequence[SpanAnswer], cases: Sequence[Sequence[SpanCase]], context: Context) -> Section:
    title, training = "Seen and unseen spans", context.training
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
    records: dict[str, list[tuple[Span | None, Span | None]]] = defaultdict(list)
    spans: dict[str, list[tuple[Span | None, Span | None]]] = defaultdict(list)
    for answer, of_record in zip(answers, cases, strict=True):
        for case in of_record:
            records[length_class(len(answer.tokens))].append((case.gold, case.found))
            # The two sides of an error may differ in width.
            sides = [(case.gold, case.found)] if case.kind == CORRECT else [(case.gold, None), (None, case.found)]
            for gold, found in sides:
                if span := gold or found:
                    spans[length_class(span.end - span.start, lows=_WIDTHS)].append((gold, found))
    by_record, by_span = pairs_table(records, what="steps of the record"), pairs_table(spans, what="steps of the span")
    return Section("By length", [by_record, by_span])


def _example(answer: SpanAnswer, cases: Sequence[SpanCase], n_errors: int) -> Example:
    gold = [Mark(*case.gold, _STATUS.get(case.kind, "wrong")) for case in cases if case.gold is not None]
    lines = [
        cut_line("gold", answer.tokens, gold),
        cut_line("predicted", answer.tokens, [_found(case.found, case) for case in cases if case.found is not None]),
    ]
    kinds = Counter(case.kind for case in cases if case.kind != CORRECT)
    note = ", ".join(f"{kind} {n}" if n > 1 else kind for kind, n in kinds.items())
    return Example(answer.id, lines, f"{counted(n_errors, 'error')}: {note}")


def _found(span: Span, case: SpanCase) -> Mark:
    has_confidence = case.kind != CORRECT and case.confidence is not None
    label = f"{span.label} {case.confidence:.2f}" if has_confidence else span.label
    return Mark(span.start, span.end, label, _STATUS.get(case.kind, "wrong"))


def _judgements(record: int, answer: SpanAnswer, cases: Sequence[SpanCase]) -> Iterator[Judgement]:
    """Yield a judgement for each predicted span, each missed span and each step that both sides leave outside.

    A predicted span whose bounds differ from gold counts as one without gold. The confidence of a missed span is that of its
    least confident tag.
    """
    tags = answer.tag_confidences
    for _, gold, found, confidence in cases:
        if found is not None and confidence is not None:
            has_same_bounds = gold is not None and gold[:2] == found[:2]
            yield Judgement(record, gold.label if gold and has_same_bounds else None, found.label, confidence, *found[:2])
        elif found is None and gold is not None and tags:
            yield Judgement(record, gold.label, None, min(tags[gold.start : gold.end]), *gold[:2])
    inside = {step for span in (*answer.gold, *answer.found) for step in range(span.start, span.end)}
    for step, confidence in enumerate(tags):
        if step not in inside:
            yield Judgement(record, None, None, confidence, step, step + 1)
