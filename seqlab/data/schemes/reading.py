"""Vectorised reading: integer-coded tags of many sequences -> spans.

Sequences lie one behind the other with an `O` after each, so that one pass over neighbours sees every border.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias, final

import numpy as np
from jaxtyping import Bool, Int

from seqlab.data.schemes.rules import PairTable, SpanRules
from seqlab.data.schemes.tags import PREFIXES

Positions: TypeAlias = Int[np.ndarray, " span"]


@final
class TagCodes(dict[str, int]):
    """Codes of tags, given out in order of first sight; `O` has code 0."""

    def __init__(self) -> None:
        super().__init__(O=0)

    def __missing__(self, tag: str) -> int:
        self[tag] = code = len(self)
        return code

    def flatten(self, sequences: Sequence[Sequence[str]]) -> Int[np.ndarray, " position"]:
        """Return the codes of all `sequences` in a row, with an `O` after each."""
        lengths = np.fromiter(map(len, sequences), dtype=np.intp, count=len(sequences))
        is_border = np.zeros(int(lengths.sum()) + len(sequences), dtype=np.bool_)
        is_border[np.cumsum(lengths + 1) - 1] = True
        codes = np.zeros(len(is_border), dtype=np.intp)
        codes[~is_border] = np.fromiter(
            map(self.__getitem__, chain.from_iterable(sequences)), dtype=np.intp, count=int(lengths.sum())
        )
        return codes


@final
@dataclass(frozen=True, slots=True)
class TagParts:
    """Prefix and label of each coded tag, as integers."""

    prefixes: Int[np.ndarray, " tag"]
    label_ids: Int[np.ndarray, " tag"]
    labels: list[str]
    """Label of each label id, in order of first sight."""

    @classmethod
    def of(cls, tags: Iterable[str], *, split: Callable[[str], tuple[str, str]]) -> "TagParts":
        """Return the parts of `tags`, split by `split`."""
        parts = [split(tag) for tag in tags]
        labels = list(dict.fromkeys(label for _, label in parts))
        label_ids = {label: label_id for label_id, label in enumerate(labels)}
        return cls(
            prefixes=np.array([PREFIXES.index(prefix) for prefix, _ in parts], dtype=np.int16),
            label_ids=np.array([label_ids[label] for _, label in parts], dtype=np.int32),
            labels=labels,
        )

    def pairs(self, codes: Int[np.ndarray, " position"]) -> Int[np.ndarray, " position"]:
        """Return an index into the flat `PairTable` for each code and the one before it (`O` before the first)."""
        prefixes, label_ids = self.prefixes[codes], self.label_ids[codes]
        pairs: Int[np.ndarray, " position"] = prefixes * 2
        pairs[1:] += prefixes[:-1] * (2 * len(PREFIXES))
        pairs[1:] += label_ids[1:] == label_ids[:-1]
        return pairs


@final
@dataclass(frozen=True, slots=True)
class SpanArrays:
    """Spans by position in the flat codes, ordered by end; `ends` are exclusive and unique."""

    starts: Positions
    ends: Positions
    label_ids: Positions

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.starts.tolist(), self.ends.tolist(), self.label_ids.tolist(), strict=True)


def accepts(table: PairTable, pairs: Int[np.ndarray, " position"]) -> Bool[np.ndarray, " position"]:
    """Return True for each of `pairs` that `table` accepts."""
    accepted: Bool[np.ndarray, " position"] = table.ravel()[pairs]
    return accepted


def read_default(codes: Int[np.ndarray, " position"], *, parts: TagParts, rules: SpanRules) -> SpanArrays:
    """Return the spans where every end closes the latest start, however far back that lies."""
    pairs = parts.pairs(codes)
    ends = np.flatnonzero(accepts(rules.end, pairs))
    starts = np.flatnonzero(accepts(rules.start, pairs))
    latest = np.searchsorted(starts, ends) - 1
    starts = np.append(starts, 0)[latest]  # index -1, no start so far, is position 0
    return SpanArrays(starts, ends, parts.label_ids[codes[ends - 1]])


def read_strict(codes: Int[np.ndarray, " position"], *, parts: TagParts, rules: SpanRules) -> SpanArrays:
    """Return the spans that begin at a start, go on as far as inside-pairs reach, and meet a proper end there."""
    pairs = parts.pairs(codes)
    breaks = np.flatnonzero(~accepts(rules.inside, pairs))
    starts = np.flatnonzero(accepts(rules.start, pairs))
    run = np.searchsorted(breaks, starts, side="right")
    is_first = np.diff(run, prepend=-1) != 0
    starts, ends = starts[is_first], breaks[run[is_first]]
    is_closed = accepts(rules.end, pairs[ends])
    starts, ends = starts[is_closed], ends[is_closed]
    return SpanArrays(starts, ends, parts.label_ids[codes[starts]])
