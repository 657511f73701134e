"""Sections for heads that predict any number of labels for a record."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from seqlab.heads.parts.answers import SetAnswer
from seqlab.report.analysis.counting import length_class
from seqlab.report.document.model import Column, Example, Paragraph, Section, Table, Value
from seqlab.report.run.context import Context
from seqlab.report.run.examples import record_example, worst_section
from seqlab.report.run.tables import calibration_section, shares_table


def set_sections(answers: Sequence[SetAnswer], context: Context) -> list[Section]:
    """Return the sections."""
    n_errors = [len(set(answer.gold) ^ set(answer.predicted)) for answer in answers]
    judged = [
        (confidence, label in answer.gold)
        for answer in answers
        for label, confidence in zip(answer.predicted, answer.confidences, strict=True)
    ]
    return [
        _errors(answers, n_exact=n_errors.count(0)),
        _lengths(answers, n_errors),
        worst_section(answers, n_errors, lambda i: _example(answers[i]), context),
        calibration_section(judged, what="predicted labels"),
    ]


def _errors(answers: Sequence[SetAnswer], *, n_exact: int) -> Section:
    missed = Counter(label for answer in answers for label in set(answer.gold) - set(answer.predicted))
    spurious = Counter(label for answer in answers for label in set(answer.predicted) - set(answer.gold))
    ranked = sorted(missed | spurious, key=lambda label: (-missed[label] - spurious[label], label))
    note = f"{n_exact:,} of {len(answers):,} records have exactly the gold labels."
    columns = [Column("label"), Column("missed", "count"), Column("spurious", "count")]
    rows: list[list[Value]] = [[label, missed[label], spurious[label]] for label in ranked]
    return Section("Errors by kind", [Paragraph(note), Table(columns, rows)])


def _lengths(answers: Sequence[SetAnswer], n_errors: Sequence[int]) -> Section:
    by_length: dict[str, list[bool]] = defaultdict(list)
    by_size: dict[str, list[bool]] = defaultdict(list)
    for answer, n in zip(answers, n_errors, strict=True):
        by_length[length_class(len(answer.tokens))].append(n == 0)
        by_size[str(len(set(answer.gold)))].append(n == 0)
    by_record = shares_table(by_length, what="steps of the record", of="records")
    return Section("By length", [by_record, shares_table(by_size, what="labels in gold", of="records")])


def _example(answer: SetAnswer) -> Example:
    labels = zip(answer.predicted, answer.confidences, strict=True)
    predicted = ", ".join(f"{label} ({confidence:.2f})" for label, confidence in labels) or "none"
    return record_example(answer, f"gold: {', '.join(answer.gold) or 'none'}; predicted: {predicted}")
