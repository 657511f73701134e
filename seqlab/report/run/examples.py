"""The records with most errors, gold next to predictions."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from seqlab.report.analysis.answers import Answer
from seqlab.report.document.model import Example, Examples, Line, Mark, Section

MAX_TOKENS = 160
"""Longer lines are cut, with a note of how many steps are missing."""
A = TypeVar("A", bound=Answer)


def worst_section(
    answers: Sequence[A], *, n_errors: Callable[[A], int], example: Callable[[A], Example], n_shown: int, where: str
) -> Section:
    """Return the `n_shown` records with most errors, shorter ones first on ties; `where` names the file with all of them."""
    counted = [(n, answer) for answer in answers if (n := n_errors(answer))]
    ranked = sorted(counted, key=lambda pair: (-pair[0], len(pair[1].tokens)))
    shown = [example(answer) for _, answer in ranked[:n_shown]]
    if not ranked:
        return Section("Worst records", [Examples([], f"All {len(answers):,} records are right.")])
    left_out = len(ranked) - len(shown)
    rest = f"{left_out:,} of them are not shown; " if left_out else ""
    note = f"{len(ranked):,} of {len(answers):,} records have errors; {rest}all answers are in {where}."
    return Section("Worst records", [Examples(shown, note)])


def cut_line(name: str, tokens: Sequence[str], marks: Sequence[Mark]) -> Line:
    """Return a line of at most `MAX_TOKENS` tokens, without marks beyond them."""
    if len(tokens) <= MAX_TOKENS:
        return Line(name, tokens, marks)
    rest = f"… and {len(tokens) - MAX_TOKENS} more steps"
    return Line(name, [*tokens[:MAX_TOKENS], rest], [mark for mark in marks if mark.end <= MAX_TOKENS])


def counted(n: object, noun: str) -> str:
    """Return a number with its noun, such as `2 errors`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
