"""Span precision, recall and F1: equal to seqeval's in its default and its strict mode, and with partial credit."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from jaxtyping import Int

from seqlab.data.schemes import Scheme, get_scheme
from seqlab.data.schemes.reading import Neighbours, SpanArrays, TagCodes, TagParts, read_default, read_strict
from seqlab.data.schemes.rules import DEFAULT_RULES
from seqlab.data.schemes.tags import split_tag, split_tag_lenient
from seqlab.errors import DataError
from seqlab.metrics.precision_recall import check_same_steps, precision_recall_f1
from seqlab.metrics.span_matches import PARTIAL_MODES, Matches, match_rest
from seqlab.types import Span


def span_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, scheme: str) -> dict[str, Any]:
    """Return span scores of tags in `scheme`, over all records together (micro).

    `span_f1`, `precision` and `recall` each hold `strict` (a span counts only if spelt as the scheme asks; seqeval's
    `mode="strict"`), `default` (conlleval's reading, blind to the scheme; seqeval's default), and `exact`, `partial` and
    `type` (the bounds alone count; half of what overlaps counts; the type of what overlaps counts: see `span_matches`, which
    nervaluate computes as well), whose numbers of spans are in `matches`. `support` has how many gold spans each of them reads:
    where gold breaks the scheme, strict reads others than default. `per_type` has the strict scores of each label in gold or
    predicted. seqeval has no strict IO: there, strict is the runs of one label, as in default. What cannot be divided is 0.0.
    In BILOU the default mode takes neighbours of one label for one span (it knows no L and no U, as in seqeval): there it is
    of no use, and partial credit is given to spans with L and U read as E and S.

    Raises:
        DataError: records or steps do not match, or a tag is not one of `scheme`; the message names the record.
        ConfigError: there is no such scheme.
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
    """Which spans of gold and of predicted tags are identical."""

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
        """Return scores and `support`, the number of gold spans, of each label that has a span, sorted by label."""
        ids = (self.gold.label_ids[self.in_gold], self.predicted.label_ids, self.gold.label_ids)
        counts = (np.bincount(of_label, minlength=len(self.labels)).tolist() for of_label in ids)
        return {
            label: precision_recall_f1(n_correct=n_correct, n_predicted=n_predicted, n_gold=n_gold) | {"support": n_gold}
            for label, n_correct, n_predicted, n_gold in sorted(zip(self.labels, *counts, strict=True))
            if n_predicted or n_gold
        }

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
