"""Sections on a head that gives a record any number of labels."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from seqlab.report.analysis.answers import SetAnswer
from seqlab.report.analysis.counting import in_order, length_class
from seqlab.report.document.model import Column, Example, Paragraph, Section, Table, Value
from seqlab.report.run.examples import cut_line, worst_section
from seqlab.report.run.tables import calibration_section, shares_table


def set_sections(answers: Sequence[SetAnswer], *, n_examples: int, where: str) -> list[Section]:
    """Return what there is to say."""
    said = [(label in answer.gold, sure) for answer in answers for label, sure in zip(answer.said, answer.sure, strict=True)]
    return [
        _errors(answers),
        _lengths(answers),
        worst_section(answers, n_errors=_n_errors, example=_example, n_shown=n_examples, where=where),
        calibration_section([sure for _, sure in said], [right for right, _ in said], what="labels said"),
    ]


def _errors(answers: Sequence[SetAnswer]) -> Section:
    missed = Counter(label for answer in answers for label in set(answer.gold) - set(answer.said))
    spurious = Counter(label for answer in answers for label in set(answer.said) - set(answer.gold))
    n_exact = sum(set(answer.gold) == set(answer.said) for answer in answers)
    rows: list[list[Value]] = [
        [label, missed[label], spurious[label]]
        for label in sorted(missed | spurious, key=lambda x: (-missed[x] - spurious[x], x))
    ]
    told = f"{n_exact:,} of {len(answers):,} records have exactly the labels of gold."
    columns = [Column("label"), Column("missed", "count"), Column("spurious", "count")]
    return Section("Errors by kind", [Paragraph(told), Table(columns, rows)])


def _lengths(answers: Sequence[SetAnswer]) -> Section:
    exact: dict[str, list[bool]] = defaultdict(list)
    by_size: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        is_exact = set(answer.gold) == set(answer.said)
        exact[length_class(len(answer.tokens))].append(is_exact)
        by_size[str(len(set(answer.gold)))].append(is_exact)
    by_record = shares_table(exact, order=in_order(exact), what="steps of the record", of="records")
    return Section(
        "By length", [by_record, shares_table(by_size, order=in_order(by_size), what="labels in gold", of="records")]
    )


def _n_errors(answer: SetAnswer) -> int:
    return len(set(answer.gold) ^ set(answer.said))


def _example(answer: SetAnswer) -> Example:
    said = ", ".join(f"{label} ({sure:.2f})" for label, sure in zip(answer.said, answer.sure, strict=True)) or "none"
    told = f"gold: {', '.join(answer.gold) or 'none'}; said: {said}"
    return Example(answer.id, [cut_line("record", answer.tokens, [])] if answer.tokens else [], note=told)
