"""Sections for heads that predict any number of labels for a record."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from seqlab.report.analysis.answers import SetAnswer
from seqlab.report.analysis.counting import in_order, length_class
from seqlab.report.document.model import Column, Example, Paragraph, Section, Table, Value
from seqlab.report.run.examples import cut_line, worst_section
from seqlab.report.run.tables import calibration_section, shares_table


def set_sections(answers: Sequence[SetAnswer], *, n_examples: int, where: str) -> list[Section]:
    """Return the sections."""
    is_right = [label in answer.gold for answer in answers for label in answer.predicted]
    confidences = [confidence for answer in answers for confidence in answer.confidences]
    return [
        _errors(answers),
        _lengths(answers),
        worst_section(answers, n_errors=_n_errors, example=_example, n_shown=n_examples, where=where),
        calibration_section(confidences, is_right, what="predicted labels"),
    ]


def _errors(answers: Sequence[SetAnswer]) -> Section:
    missed = Counter(label for answer in answers for label in set(answer.gold) - set(answer.predicted))
    spurious = Counter(label for answer in answers for label in set(answer.predicted) - set(answer.gold))
    n_exact = sum(_n_errors(answer) == 0 for answer in answers)
    ranked = sorted(missed | spurious, key=lambda label: (-missed[label] - spurious[label], label))
    rows: list[list[Value]] = [[label, missed[label], spurious[label]] for label in ranked]
    note = f"{n_exact:,} of {len(answers):,} records have exactly the gold labels."
    columns = [Column("label"), Column("missed", "count"), Column("spurious", "count")]
    return Section("Errors by kind", [Paragraph(note), Table(columns, rows)])


def _lengths(answers: Sequence[SetAnswer]) -> Section:
    exact: dict[str, list[bool]] = defaultdict(list)
    by_size: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        is_exact = _n_errors(answer) == 0
        exact[length_class(len(answer.tokens))].append(is_exact)
        by_size[str(len(set(answer.gold)))].append(is_exact)
    by_record = shares_table(exact, order=in_order(exact), what="steps of the record", of="records")
    by_label = shares_table(by_size, order=in_order(by_size), what="labels in gold", of="records")
    return Section("By length", [by_record, by_label])


def _n_errors(answer: SetAnswer) -> int:
    return len(set(answer.gold) ^ set(answer.predicted))


def _example(answer: SetAnswer) -> Example:
    labels = zip(answer.predicted, answer.confidences, strict=True)
    predicted = ", ".join(f"{label} ({confidence:.2f})" for label, confidence in labels) or "none"
    note = f"gold: {', '.join(answer.gold) or 'none'}; predicted: {predicted}"
    return Example(answer.id, [cut_line("record", answer.tokens, [])] if answer.tokens else [], note=note)
