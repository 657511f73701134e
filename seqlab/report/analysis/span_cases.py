"""Pair gold spans with predicted ones, and classify each error.

Identical spans are paired first. Overlapping ones among the rest are then paired one to one, preferring equal bounds, then
equal labels, then the largest overlap, then from left to right. Unpaired gold is missed; unpaired predictions are spurious.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from seqlab.heads.parts.answers import SpanAnswer
from seqlab.types import Span

CORRECT = "correct"
BOUNDARY = "boundary"
TYPE = "type"
BOTH = "boundary and type"
MISSED = "missed"
SPURIOUS = "spurious"
MEANINGS = {
    BOUNDARY: "right type, overlapping, different bounds",
    TYPE: "right bounds, different type",
    BOTH: "overlapping, different bounds and type",
    MISSED: "a gold span that overlaps no prediction, or only one paired with another span",
    SPURIOUS: "a prediction that overlaps no unpaired gold span",
}


class SpanCase(NamedTuple):
    """A gold span, a predicted span or a pair of both, and the kind of error."""

    kind: str
    gold: Span | None
    found: Span | None
    confidence: float | None
    """None without a prediction, or if the run kept no confidences."""


def span_cases(answer: SpanAnswer) -> list[SpanCase]:
    """Return a case for every span of a record, from left to right."""
    confidences = dict(zip(answer.found, answer.confidences, strict=False))
    # Counters instead of sets: nested annotations may hold the same span twice.
    same = Counter(answer.gold) & Counter(answer.found)
    cases = [SpanCase(CORRECT, span, span, confidences.get(span)) for span in same.elements()]
    gold = list((Counter(answer.gold) - same).elements())
    found = list((Counter(answer.found) - same).elements())
    for one, other in _pairs(gold, found):
        gold.remove(one)
        found.remove(other)
        cases.append(SpanCase(_kind(one, other), one, other, confidences.get(other)))
    cases += [SpanCase(MISSED, span, None, None) for span in gold]
    cases += [SpanCase(SPURIOUS, None, span, confidences.get(span)) for span in found]
    return sorted(cases, key=lambda case: case.gold or case.found or Span(0, 0, ""))


def _pairs(gold: Sequence[Span], found: Sequence[Span]) -> list[tuple[Span, Span]]:
    near = [(i, j) for i, one in enumerate(gold) for j, other in enumerate(found) if _overlap(one, other) > 0]
    near.sort(key=lambda pair: (*_distance(gold[pair[0]], found[pair[1]]), pair))
    # Greedy from the closest pair on, so that the same record is always paired alike.
    paired: dict[int, int] = {}
    for i, j in near:
        if i not in paired and j not in paired.values():
            paired[i] = j
    return [(gold[i], found[j]) for i, j in paired.items()]


def _distance(gold: Span, found: Span) -> tuple[bool, bool, int]:
    return gold[:2] != found[:2], gold.label != found.label, -_overlap(gold, found)


def _overlap(gold: Span, found: Span) -> int:
    return min(gold.end, found.end) - max(gold.start, found.start)


def _kind(gold: Span, found: Span) -> str:
    if gold.label == found.label:
        return BOUNDARY
    return TYPE if gold[:2] == found[:2] else BOTH
