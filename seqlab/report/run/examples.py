"""The records that went worst, gold and said side by side."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from seqlab.report.analysis.answers import Answer
from seqlab.report.document.model import Example, Examples, Line, Mark, Section

MAX_TOKENS = 160
"""Longer lines are cut, and say so."""
A = TypeVar("A", bound=Answer)


def worst_section(
    answers: Sequence[A], *, n_errors: Callable[[A], int], example: Callable[[A], Example], n_shown: int, where: str
) -> Section:
    """Return the `n_shown` records with most errors, the shorter first of equals; `where` says where all of them are."""
    counted = [(n, answer) for answer in answers if (n := n_errors(answer))]
    ranked = sorted(counted, key=lambda pair: (-pair[0], len(pair[1].tokens)))
    shown = [example(answer) for _, answer in ranked[:n_shown]]
    if not ranked:
        return Section("Worst records", [Examples([], f"Every one of {len(answers):,} records is right.")])
    left_out = len(ranked) - len(shown)
    rest = f"{left_out:,} more have errors and are not shown; " if left_out else ""
    told = f"{len(ranked):,} of {len(answers):,} records have errors; {rest}all answers are in {where}."
    return Section("Worst records", [Examples(shown, told)])


def cut_line(name: str, tokens: Sequence[str], marks: Sequence[Mark]) -> Line:
    """Return a line of at most `MAX_TOKENS` tokens; marks beyond it are left out with them."""
    if len(tokens) <= MAX_TOKENS:
        return Line(name, tokens, marks)
    rest = f"… and {len(tokens) - MAX_TOKENS} more steps"
    return Line(name, [*tokens[:MAX_TOKENS], rest], [mark for mark in marks if mark.end <= MAX_TOKENS])


def errors_in_words(n: int) -> str:
    """Return a number of errors with its noun."""
    return "1 error" if n == 1 else f"{n} errors"
