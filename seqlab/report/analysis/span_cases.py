"""Gold and predicted spans in pairs, and what is wrong with each.

Identical spans are paired first. Of the rest, overlapping spans are paired one to one: those with equal bounds before those
with equal labels, then those that share most steps, then from the left. Gold without a partner is missed, a prediction without
one spurious.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from seqlab.report.analysis.answers import SpanAnswer
from seqlab.types import Span

CORRECT = "correct"
BOUNDARY = "boundary"
TYPE = "type"
BOTH = "boundary and type"
MISSED = "missed"
SPURIOUS = "spurious"
ERRORS = (BOUNDARY, TYPE, BOTH, MISSED, SPURIOUS)
MEANINGS = {
    BOUNDARY: "the right type, overlapping, with other bounds",
    TYPE: "the right bounds, another type",
    BOTH: "overlapping, other bounds and another type",
    MISSED: "a gold span that no prediction overlaps, or only one that belongs to another span",
    SPURIOUS: "a prediction that overlaps no gold span that is left",
}


class SpanCase(NamedTuple):
    """A gold span, a predicted one, or both of them, and their relation."""

    kind: str
    gold: Span | None
    found: Span | None
    sure: float | None
    """How sure the prediction is; None without one, or where confidences were not kept."""


def span_cases(answer: SpanAnswer) -> list[SpanCase]:
    """Return a case for every span of a record, from left to right."""
    sure = dict(zip(answer.found, answer.sure, strict=False))
    same = Counter(answer.gold) & Counter(answer.found)
    cases = [SpanCase(CORRECT, span, span, sure.get(span)) for span in same.elements()]
    gold = list((Counter(answer.gold) - same).elements())
    found = list((Counter(answer.found) - same).elements())
    for one, other in _pairs(gold, found):
        gold.remove(one)
        found.remove(other)
        cases.append(SpanCase(_kind(one, other), one, other, sure.get(other)))
    cases += [SpanCase(MISSED, span, None, None) for span in gold]
    cases += [SpanCase(SPURIOUS, None, span, sure.get(span)) for span in found]
    return sorted(cases, key=lambda case: case.gold or case.found or Span(0, 0, ""))


def _pairs(gold: Sequence[Span], found: Sequence[Span]) -> list[tuple[Span, Span]]:
    near = [(i, j) for i, one in enumerate(gold) for j, other in enumerate(found) if _shared(one, other) > 0]
    near.sort(key=lambda pair: (*_distance(gold[pair[0]], found[pair[1]]), pair))
    taken_gold, taken_found = set[int](), set[int]()
    pairs = []
    for i, j in near:
        if i not in taken_gold and j not in taken_found:
            taken_gold.add(i)
            taken_found.add(j)
            pairs.append((gold[i], found[j]))
    return pairs


def _distance(gold: Span, found: Span) -> tuple[bool, bool, int]:
    return gold[:2] != found[:2], gold.label != found.label, -_shared(gold, found)


def _shared(gold: Span, found: Span) -> int:
    return min(gold.end, found.end) - max(gold.start, found.start)


def _kind(gold: Span, found: Span) -> str:
    if gold.label == found.label:
        return BOUNDARY
    return TYPE if gold[:2] == found[:2] else BOTH
