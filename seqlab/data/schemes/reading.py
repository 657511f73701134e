"""Vectorised decoding of spans from integer-coded tags of many sequences.

The sequences are concatenated with an `O` after each, so that one pass over neighbours sees every boundary. Most steps of most
corpora are an `O` after an `O`, which no rule mentions: they are dropped first.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TypeAlias, final

import numpy as np
from jaxtyping import Bool, Int

from seqlab.data.schemes.rules import PairTable, SpanRules
from seqlab.data.schemes.tags import PREFIXES

Positions: TypeAlias = Int[np.ndarray, " span"]


@final
class TagCodes(dict[str, int]):
    """Codes of tags in order of first occurrence; `O` has code 0."""

    def __init__(self) -> None:
        super().__init__(O=0)

    def __missing__(self, tag: str) -> int:
        self[tag] = code = len(self)
        return code

    def flatten(self, sequences: Sequence[Sequence[str]]) -> Int[np.ndarray, " position"]:
        """Return the codes of all `sequences`, concatenated with an `O` after each."""
        n_positions = sum(map(len, sequences)) + len(sequences)
        tags = chain.from_iterable(chain.from_iterable(zip(sequences, repeat(("O",)), strict=False)))
        return np.fromiter(map(self.__getitem__, tags), dtype=np.intp, count=n_positions)


@final
@dataclass(frozen=True, slots=True)
class Neighbours:
    """The positions in flat codes where the tag or the previous one is not `O`, with both codes."""

    positions: Int[np.ndarray, " place"]
    prevs: Int[np.ndarray, " place"]
    tags: Int[np.ndarray, " place"]

    @classmethod
    def of(cls, codes: Int[np.ndarray, " position"]) -> "Neighbours":
        """Return the neighbours in `codes`, which must end with an `O`: index -1 makes it the previous tag of position 0."""
        is_near = codes != 0
        # an O right after a tag may end a span, so its position is kept
        is_near[1:] |= is_near[:-1]
        positions = np.flatnonzero(is_near)
        return cls(positions, codes[positions - 1], codes[positions])


@final
@dataclass(frozen=True, slots=True)
class TagParts:
    """Prefix and label of each tag code, as integers."""

    prefixes: Int[np.ndarray, " tag"]
    label_ids: Int[np.ndarray, " tag"]
    labels: list[str]
    """Label of each label id, in order of first occurrence."""

    @classmethod
    def of(cls, tags: Iterable[str], *, split: Callable[[str], tuple[str, str]]) -> "TagParts":
        """Return the parts of `tags`, split by `split`."""
        parts = [split(tag) for tag in tags]
        labels = list(dict.fromkeys(label for _, label in parts))
        label_ids = {label: label_id for label_id, label in enumerate(labels)}
        prefixes = np.array([PREFIXES.index(prefix) for prefix, _ in parts], dtype=np.int16)
        return cls(prefixes, np.array([label_ids[label] for _, label in parts], dtype=np.int32), labels)

    def pairs(self, near: Neighbours) -> Int[np.ndarray, " place"]:
        """Return the index of each place into the flattened `PairTable`."""
        is_same = self.label_ids[near.tags] == self.label_ids[near.prevs]
        is_same[near.positions == 0] = False  # the first tag follows an `O`, whose label is no other
        previous = (self.prefixes * (2 * len(PREFIXES)))[near.prevs]
        return np.asarray(previous + (self.prefixes * 2)[near.tags] + is_same)


@final
@dataclass(frozen=True, slots=True)
class SpanArrays:
    """Spans by position in the flat codes, sorted by end; `ends` are exclusive and unique."""

    starts: Positions
    ends: Positions
    label_ids: Positions

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.starts.tolist(), self.ends.tolist(), self.label_ids.tolist(), strict=True)


def accepts(table: PairTable, pairs: Int[np.ndarray, " position"]) -> Bool[np.ndarray, " position"]:
    """Return whether `table` accepts each of `pairs`."""
    return np.asarray(table.ravel()[pairs])


def read_default(near: Neighbours, *, parts: TagParts, rules: SpanRules) -> SpanArrays:
    """Return the spans of lenient reading: each end closes the latest start, however far back it is."""
    pairs = parts.pairs(near)
    ends = np.flatnonzero(accepts(rules.end, pairs))
    starts = np.flatnonzero(accepts(rules.start, pairs))
    latest = np.searchsorted(starts, ends) - 1
    begins = np.append(near.positions[starts], 0)[latest]  # index -1, no start so far, is position 0
    return SpanArrays(begins, near.positions[ends], parts.label_ids[near.prevs[ends]])


def read_strict(near: Neighbours, *, parts: TagParts, rules: SpanRules) -> SpanArrays:
    """Return the spans of strict reading: from a start, through inside pairs only, to a valid end."""
    pairs = parts.pairs(near)
    breaks = np.flatnonzero(~accepts(rules.inside, pairs))
    starts = np.flatnonzero(accepts(rules.start, pairs))
    run = np.searchsorted(breaks, starts, side="right")
    # starts with the same next break have the same run number
    is_first = np.diff(run, prepend=-1) != 0
    # of several starts before the same break, only the first begins a span
    starts, ends = starts[is_first], breaks[run[is_first]]
    is_closed = accepts(rules.end, pairs[ends])
    starts, ends = starts[is_closed], ends[is_closed]
    return SpanArrays(near.positions[starts], near.positions[ends], parts.label_ids[near.tags[starts]])
