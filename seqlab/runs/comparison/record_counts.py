"""What each record of a run adds to the scores of a head: all that tests over records need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float

from seqlab.config.build import build, known_targets, locate
from seqlab.errors import ConfigError
from seqlab.heads import BiaffineSpanHead, Head, LabelHead, MultiLabelHead, TemporalHead, TokenHead
from seqlab.heads.parts.counts import Counted
from seqlab.metrics.significance import Score
from seqlab.runs.run import AnsweredRecord, FinishedRun

_KNOWN: tuple[type[Head], ...] = (TokenHead, TemporalHead, MultiLabelHead, BiaffineSpanHead, LabelHead)


@final
@dataclass(frozen=True)
class RecordCounts:
    """Counts of one score, a row for each record."""

    score: Score
    counts: Float[np.ndarray, "record count"]


def record_counts(answers: Sequence[AnsweredRecord], *, head: str, counted: Sequence[Counted]) -> list[RecordCounts]:
    """Return the counts of each score that a head declares (`Head.counted`)."""
    rows = [(record.gold[head], record.predictions[head]) for record in answers]
    return [
        RecordCounts(score, np.array([count(*row) for row in rows], dtype=np.float64).reshape(len(rows), -1))
        for score, count in counted
    ]


def counted_of(run: FinishedRun, head: str, *, scores: Mapping[str, Any]) -> list[Counted]:
    """Return what the head of a run declares to be counted.

    A class that cannot be imported, such as one in a user's own file, counts as the known one that has its `scores`.
    """
    node = run.config.get("heads", {}).get(head.partition("@")[0]) or {}
    targets = known_targets()
    try:
        target = build(node.get("target"), targets=targets, path=f"heads.{head}.target")
    except ConfigError:
        target = None
    return _class_of(node, targets=targets, scores=scores).counted(target)


def _class_of(node: Mapping[str, Any], *, targets: frozenset[str], scores: Mapping[str, Any]) -> type[Head]:
    try:
        found = locate(node.get("_target_"), targets=targets, path="heads")
    except ConfigError:
        found = next((known for known in _KNOWN if known.own_score in scores), Head)
    return found if isinstance(found, type) and issubclass(found, Head) else Head
