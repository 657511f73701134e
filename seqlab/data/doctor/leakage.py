"""Leaks: records that occur in two files, so that a model trained on one has seen them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import final

from seqlab.data.doctor.examine import FileReport


@final
@dataclass(frozen=True, slots=True)
class Leak:
    """Distinct token sequences in two files, by the line of their first occurrence in each."""

    first: Path
    second: Path
    lines: list[tuple[int, int]]
    n_second: int
    """Number of distinct sequences in `second`."""

    @property
    def share(self) -> float:
        """Share of the distinct sequences of `second` that are also in `first`."""
        return len(self.lines) / self.n_second


def find_leaks(reports: Sequence[FileReport]) -> Iterator[Leak]:
    """Yield the shared records of each pair of files that share any."""
    for first, second in combinations(reports, 2):
        shared = [(first.lines[tokens], line) for tokens, line in second.lines.items() if tokens in first.lines]
        if shared:
            yield Leak(first.path, second.path, sorted(shared, key=lambda lines: lines[1]), len(second.lines))
