"""Span precision, recall and F1, equal to seqeval's in its default and its strict mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Int

from seqlab.data.schemes import Scheme, get_scheme
from seqlab.data.schemes.reading import SpanArrays, TagCodes, TagParts, read_default, read_strict
from seqlab.data.schemes.rules import DEFAULT_RULES
from seqlab.data.schemes.tags import split_tag, split_tag_lenient
from seqlab.errors import DataError
from seqlab.metrics.precision_recall import check_same_steps, precision_recall_f1


def span_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, scheme: str) -> dict[str, Any]:
    """Return span scores of tags in `scheme`, over all records together (micro).

    `span_f1`, `precision` and `recall` each hold `strict` (a span counts only if spelt as the scheme asks; seqeval's
    `mode="strict"`) and `default` (conlleval's reading, blind to the scheme; seqeval's default). `per_type` has the
    strict scores of each label in gold or predicted. seqeval has no strict IO: there, strict is the runs of one label,
    as in default. What cannot be divided is 0.0. In BILOU the default mode takes neighbours of one label for one span
    (it knows no L and no U, as in seqeval): there, strict alone is meaningful.

    Raises:
        DataError: records or steps do not match, or a tag is not one of `scheme`; the message names the record.
        ConfigError: there is no such scheme.
    """
    check_same_steps(gold, predicted)
    engine = get_scheme(scheme)
    codes = TagCodes()
    flat_gold, flat_predicted = codes.flatten(gold), codes.flatten(predicted)
    strict_parts = _strict_parts(engine, codes=codes, gold=gold, predicted=predicted)
    default_parts = TagParts.of(codes, split=split_tag_lenient)
    strict = _Counts.of(
        read_strict(flat_gold, parts=strict_parts, rules=engine.rules),
        read_strict(flat_predicted, parts=strict_parts, rules=engine.rules),
        labels=strict_parts.labels,
    )
    default = _Counts.of(
        read_default(flat_gold, parts=default_parts, rules=DEFAULT_RULES),
        read_default(flat_predicted, parts=default_parts, rules=DEFAULT_RULES),
        labels=default_parts.labels,
    )
    scores = {"strict": strict.micro(), "default": default.micro()}
    return {
        "span_f1": {mode: score["f1"] for mode, score in scores.items()},
        "precision": {mode: score["precision"] for mode, score in scores.items()},
        "recall": {mode: score["recall"] for mode, score in scores.items()},
        "per_type": strict.per_label(),
        "scheme": engine.name,
    }


@final
@dataclass(frozen=True, slots=True)
class _Counts:
    """Numbers of spans of each label."""

    labels: list[str]
    correct: Int[np.ndarray, " label"]
    predicted: Int[np.ndarray, " label"]
    gold: Int[np.ndarray, " label"]

    @classmethod
    def of(cls, gold: SpanArrays, predicted: SpanArrays, *, labels: list[str]) -> "_Counts":
        _, in_gold, in_predicted = np.intersect1d(gold.ends, predicted.ends, assume_unique=True, return_indices=True)
        is_correct = (gold.starts[in_gold] == predicted.starts[in_predicted]) & (
            gold.label_ids[in_gold] == predicted.label_ids[in_predicted]
        )
        correct = gold.label_ids[in_gold][is_correct]
        return cls(labels, *(np.bincount(ids, minlength=len(labels)) for ids in (correct, predicted.label_ids, gold.label_ids)))

    def micro(self) -> dict[str, float]:
        """Return the scores over all labels."""
        return precision_recall_f1(
            n_correct=int(self.correct.sum()), n_predicted=int(self.predicted.sum()), n_gold=int(self.gold.sum())
        )

    def per_label(self) -> dict[str, dict[str, int | float]]:
        """Return scores and `support`, the number of gold spans, of each label that has a span, sorted by label."""
        rows = zip(self.labels, self.correct.tolist(), self.predicted.tolist(), self.gold.tolist(), strict=True)
        return {
            label: precision_recall_f1(n_correct=n_correct, n_predicted=n_predicted, n_gold=n_gold) | {"support": n_gold}
            for label, n_correct, n_predicted, n_gold in sorted(rows)
            if n_predicted or n_gold
        }


def _strict_parts(
    scheme: Scheme, *, codes: TagCodes, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> TagParts:
    try:
        return scheme.strict_parts(codes)
    except DataError as error:
        unknown = next(tag for tag in codes if split_tag(tag)[0] not in scheme.prefixes)
        index = next(i for rows in (gold, predicted) for i, row in enumerate(rows) if unknown in row)
        raise DataError(f"record {index}: {error}") from None
