"""What each record of a run adds to the scores of a head: all that tests over records need."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from seqlab.config.build import build, known_targets, locate
from seqlab.data.multitask.data_schemes import data_scheme
from seqlab.errors import ConfigError
from seqlab.heads import BiaffineSpanHead, Head, LabelHead, MultiLabelHead, TemporalHead, TokenHead
from seqlab.heads.parts.counts import Counted
from seqlab.metrics.significance import Score
from seqlab.runs.run import AnsweredRecord, FinishedRun

RecordCounts: TypeAlias = dict[Score, Float[np.ndarray, "record count"]]
"""Counts of each score of a head, a row for each record."""
_KNOWN: tuple[type[Head], ...] = (TokenHead, TemporalHead, MultiLabelHead, BiaffineSpanHead, LabelHead)


def record_counts(answers: Sequence[AnsweredRecord], *, head: str, counted: Sequence[Counted]) -> RecordCounts:
    """Return the counts of each score that a head declares (`Head.counted`)."""
    rows = [(record.gold[head], record.predictions[head]) for record in answers]
    # The shape is given for the case of no records.
    return {score: np.array([count(*row) for row in rows], dtype=np.float64).reshape(len(rows), -1) for score, count in counted}


def counted_of(run: FinishedRun, head: str, *, scores: Mapping[str, Any]) -> list[Counted]:
    """Return what the head of a run declares to be counted.

    A class that cannot be imported, such as one in a user's own file, counts as the known one that has its `scores`.
    """
    node = run.config.get("heads", {}).get(head.partition("@")[0]) or {}
    targets = known_targets()
    field = dict(node.get("target") or {})
    # Stored tags have the scheme of the data, even if the field learned another.
    scheme = data_scheme(run.config.get("data") or {}, head=head.partition("@")[0], column=str(field.get("column")))
    if field.get("scheme") and scheme:
        field["scheme"] = scheme.name
    try:
        # The counts need the field's scheme and its partial annotations.
        target = build(field, targets=targets, path=f"heads.{head}.target")
    except ConfigError:
        target = None
    try:
        found = locate(node.get("_target_"), targets=targets, path="heads")
    except ConfigError:
        found = next((known for known in _KNOWN if known.own_score in scores), Head)
    kind = found if isinstance(found, type) and issubclass(found, Head) else Head
    return kind.counted(target)
