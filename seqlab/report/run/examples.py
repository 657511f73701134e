"""The records with most errors, gold next to predictions."""

from collections.abc import Callable, Sequence

from seqlab.heads.parts.answers import Answer
from seqlab.report.document.model import Example, Examples, Line, Mark, Section
from seqlab.report.run.context import Context

MAX_TOKENS = 160
"""Longer lines are cut, with a note of how many steps are missing."""


def worst_section(
    answers: Sequence[Answer], n_errors: Sequence[int], example: Callable[[int], Example], context: Context
) -> Section:
    """Return the records with most errors, shorter ones first on ties; `example` draws the record with an index."""
    wrong = [i for i, n in enumerate(n_errors) if n]
    if not wrong:
        return Section("Worst records", [Examples([], f"All {len(answers):,} records are right.")])
    # The same number of errors is worse in a shorter record.
    ranked = sorted(wrong, key=lambda i: (-n_errors[i], len(answers[i].tokens)))
    shown = [example(i) for i in ranked[: context.n_examples]]
    left_out = len(wrong) - len(shown)
    rest = f"{left_out:,} of them are not shown; " if left_out else ""
    note = f"{len(wrong):,} of {len(answers):,} records have errors; {rest}all answers are in {context.where}."
    return Section("Worst records", [Examples(shown, note)])


def cut_line(name: str, tokens: Sequence[str], marks: Sequence[Mark] = ()) -> Line:
    """Return a line of at most `MAX_TOKENS` tokens, without marks beyond them."""
    if len(tokens) <= MAX_TOKENS:
        return Line(name, tokens, marks)
    rest = f"… and {len(tokens) - MAX_TOKENS} more steps"
    return Line(name, [*tokens[:MAX_TOKENS], rest], [mark for mark in marks if mark.end <= MAX_TOKENS])


def record_example(answer: Answer, note: str) -> Example:
    """Return a record with its answer in the note."""
    return Example(answer.id, [cut_line("record", answer.tokens)] if answer.tokens else [], note)


def counted(n: object, noun: str) -> str:
    """Return a number with its noun, such as `2 errors`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
