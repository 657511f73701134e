"""Precision, recall and F1 of spans: as in the default and the strict mode of seqeval, and with partial credit."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from jaxtyping import Int

from seqlab.data.schemes import Scheme, get_scheme
from seqlab.data.schemes.reading import Neighbours, SpanArrays, TagCodes, TagParts, read_default, read_strict
from seqlab.data.schemes.rules import DEFAULT_RULES
from seqlab.data.schemes.tags import split_tag, split_tag_lenient
from seqlab.errors import DataError
from seqlab.metrics.precision_recall import check_same_steps, per_label_scores, precision_recall_f1
from seqlab.metrics.span_matches import PARTIAL_MODES, Matches, match_rest
from seqlab.types import Span


def span_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, scheme: str) -> dict[str, Any]:
    """Return the span scores of tags in `scheme` over all records (micro).

    `span_f1`, `precision` and `recall` have these modes:

    - `strict`: only spans that follow the scheme; seqeval's ``mode="strict"``. For IO, which seqeval cannot read strictly, it
      equals `default`.
    - `default`: conlleval's reading, which ignores the scheme; seqeval's default. It is useless for BILOU, where it joins
      adjacent spans with the same label, because it does not know L and U.
    - `exact`, `partial`, `type`: partial credit, as in `span_matches` and nervaluate; L and U are read as E and S.

    `matches` has the numbers of spans of the last three modes. `support` has the number of gold spans in each mode, which
    differ if gold breaks the scheme. `per_type` has the strict scores of each label. Scores with denominator 0 are 0.

    Raises:
        DataError: numbers of records or steps differ, or a tag does not belong to `scheme`; the message names the record.
        ConfigError: the scheme is unknown.
    """
    check_same_steps(gold, predicted)
    engine = get_scheme(scheme)
    codes = TagCodes()
    near_gold, near_predicted = (Neighbours.of(codes.flatten(rows)) for rows in (gold, predicted))
    strict_parts = _strict_parts(engine, codes=codes, gold=gold, predicted=predicted)
    strict = _Agreement(
        read_strict(near_gold, parts=strict_parts, rules=engine.rules),
        read_strict(near_predicted, parts=strict_parts, rules=engine.rules),
        labels=strict_parts.labels,
    )
    default = _lenient(near_gold, near_predicted, parts=TagParts.of(codes, split=split_tag_lenient))
    lenient = default
    if engine.reads_as:
        lenient = _lenient(near_gold, near_predicted, parts=TagParts.of(codes, split=engine.split_lenient))
    matches = lenient.matches()
    scores = {"strict": strict.micro(), "default": default.micro()} | {mode: matches[mode].scores() for mode in PARTIAL_MODES}
    return {
        "span_f1": {mode: score["f1"] for mode, score in scores.items()},
        "precision": {mode: score["precision"] for mode, score in scores.items()},
        "recall": {mode: score["recall"] for mode, score in scores.items()},
        "support": {mode: len((strict if mode == "strict" else lenient).gold.ends) for mode in scores}
        | {"default": len(default.gold.ends)},
        "per_type": strict.per_label(),
        "matches": {mode: matches[mode]._asdict() for mode in PARTIAL_MODES},
        "scheme": engine.name,
    }


def _lenient(gold: Neighbours, predicted: Neighbours, *, parts: TagParts) -> "_Agreement":
    return _Agreement(
        read_default(gold, parts=parts, rules=DEFAULT_RULES),
        read_default(predicted, parts=parts, rules=DEFAULT_RULES),
        labels=parts.labels,
    )


@final
class _Agreement:
    """Gold and predicted spans, and which of them are identical."""

    def __init__(self, gold: SpanArrays, predicted: SpanArrays, *, labels: list[str]) -> None:
        _, in_gold, in_predicted = np.intersect1d(gold.ends, predicted.ends, assume_unique=True, return_indices=True)
        is_correct = (gold.starts[in_gold] == predicted.starts[in_predicted]) & (
            gold.label_ids[in_gold] == predicted.label_ids[in_predicted]
        )
        self.gold, self.predicted, self.labels = gold, predicted, labels
        self.in_gold, self.in_predicted = in_gold[is_correct], in_predicted[is_correct]

    def micro(self) -> dict[str, float]:
        """Return the scores over all labels."""
        return precision_recall_f1(
            n_correct=len(self.in_gold), n_predicted=len(self.predicted.ends), n_gold=len(self.gold.ends)
        )

    def per_label(self) -> dict[str, dict[str, int | float]]:
        """Return the scores and `support` (number of gold spans) of each label with a span, sorted by label."""
        ids = (self.gold.label_ids[self.in_gold], self.predicted.label_ids, self.gold.label_ids)
        rows = (np.bincount(of_label, minlength=len(self.labels)).tolist() for of_label in ids)
        correct, predicted, gold = (+Counter(dict(zip(self.labels, row, strict=True))) for row in rows)  # + drops zeros
        return per_label_scores(correct=correct, predicted=predicted, gold=gold)

    def matches(self) -> dict[str, Matches]:
        """Return the matches with partial credit."""
        return match_rest(
            self._without(self.gold, self.in_gold),
            self._without(self.predicted, self.in_predicted),
            n_identical=len(self.in_gold),
        )

    def _without(self, spans: SpanArrays, taken: Int[np.ndarray, " match"]) -> list[Span]:
        is_left = np.ones(len(spans.ends), dtype=np.bool_)
        is_left[taken] = False
        parts = (spans.starts[is_left].tolist(), spans.ends[is_left].tolist(), spans.label_ids[is_left].tolist())
        return [Span(start, end, self.labels[label]) for start, end, label in zip(*parts, strict=True)]


def _strict_parts(
    scheme: Scheme, *, codes: TagCodes, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> TagParts:
    try:
        return scheme.strict_parts(codes)
    except DataError as error:
        unknown = next(tag for tag in codes if split_tag(tag)[0] not in scheme.prefixes)
        index = next(i for rows in (gold, predicted) for i, row in enumerate(rows) if unknown in row)
        raise DataError(f"record {index}: {error}") from None
