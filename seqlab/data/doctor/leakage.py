"""Records that two files share: what a model has seen in one tells nothing about it in the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import final

from seqlab.data.doctor.examine import FileReport


@final
@dataclass(frozen=True, slots=True)
class Leak:
    """Distinct sequences of tokens that are in both files, by the line of their first record in each."""

    first: Path
    second: Path
    lines: list[tuple[int, int]]
    n_second: int
    """Number of distinct sequences in `second`."""

    @property
    def share(self) -> float:
        """Share of the distinct sequences of `second` that are in `first`."""
        return len(self.lines) / self.n_second


def find_leaks(reports: Sequence[FileReport]) -> Iterator[Leak]:
    """Yield, for each two files in the order given that share records, what they share."""
    for first, second in combinations(reports, 2):
        shared = [(first.lines[tokens], line) for tokens, line in second.lines.items() if tokens in first.lines]
        if shared:
            yield Leak(first.path, second.path, sorted(shared, key=lambda lines: lines[1]), len(second.lines))
