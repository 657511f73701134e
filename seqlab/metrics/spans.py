"""Precision, recall and F1 of spans: as in the default and the strict mode of seqeval, and with partial credit."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

import numpy as np
from jaxtyping import Int

from seqlab.data.schemes import Scheme, get_scheme
from seqlab.data.schemes.reading import Neighbours, SpanArrays, TagCodes, TagParts, read_default, read_strict
from seqlab.data.schemes.rules import DEFAULT_RULES, SpanRules
from seqlab.data.schemes.tags import split_tag, split_tag_lenient
from seqlab.errors import DataError
from seqlab.metrics.precision_recall import check_same_steps, per_label_scores, precision_recall_f1
from seqlab.metrics.span_matches import PARTIAL_MODES, Matches, by_metric, match_rest
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

    Example:
        >>> gold, predicted = [["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]]
        >>> scores = span_scores(gold, predicted, scheme="BIO")
        >>> scores["span_f1"]["strict"], scores["span_f1"]["partial"], scores["per_type"]["LOC"]["f1"]
        (0.5, 0.75, 1.0)
    """
    check_same_steps(gold, predicted)
    engine = get_scheme(scheme)
    codes = TagCodes()
    # both sides share the codes, and each is read three times: flattening them is most of the work
    near = [Neighbours.of(codes.flatten(rows)) for rows in (gold, predicted)]

    def agreement(read: Callable[..., SpanArrays], parts: TagParts, rules: SpanRules) -> _Agreement:
        return _Agreement(*(read(side, parts=parts, rules=rules) for side in near), labels=parts.labels)

    strict = agreement(read_strict, _strict_parts(engine, codes, (gold, predicted)), engine.rules)
    default = agreement(read_default, TagParts.of(codes, split=split_tag_lenient), DEFAULT_RULES)
    lenient = default
    if engine.name == "BILOU":  # the only scheme with prefixes (L, U) that seqeval's default mode does not know
        lenient = agreement(read_default, TagParts.of(codes, split=engine.split_lenient), DEFAULT_RULES)
    matches = lenient.matches()
    scores = {"strict": strict.micro(), "default": default.micro()} | {mode: matches[mode].scores() for mode in PARTIAL_MODES}
    agreements = {"strict": strict, "default": default} | dict.fromkeys(PARTIAL_MODES, lenient)
    return {
        **by_metric(scores),
        "support": {mode: len(found.gold.ends) for mode, found in agreements.items()},
        "per_type": strict.per_label(),
        "matches": {mode: matches[mode]._asdict() for mode in PARTIAL_MODES},
        "scheme": engine.name,
    }


@final
class _Agreement:
    """Gold and predicted spans, and which of them are identical."""

    def __init__(self, gold: SpanArrays, predicted: SpanArrays, *, labels: list[str]) -> None:
        # ends are unique within each side, so they identify the candidates
        _, in_gold, in_predicted = np.intersect1d(gold.ends, predicted.ends, assume_unique=True, return_indices=True)
        is_correct = gold.starts[in_gold] == predicted.starts[in_predicted]
        is_correct &= gold.label_ids[in_gold] == predicted.label_ids[in_predicted]
        self.gold, self.predicted, self.labels = gold, predicted, labels
        self.in_gold, self.in_predicted = in_gold[is_correct], in_predicted[is_correct]

    def micro(self) -> dict[str, float]:
        """Return the scores over all labels."""
        n_predicted, n_gold = len(self.predicted.ends), len(self.gold.ends)
        return precision_recall_f1(n_correct=len(self.in_gold), n_predicted=n_predicted, n_gold=n_gold)

    def per_label(self) -> dict[str, dict[str, int | float]]:
        """Return the scores and `support` (number of gold spans) of each label with a span, sorted by label."""
        ids = (self.gold.label_ids[self.in_gold], self.predicted.label_ids, self.gold.label_ids)
        rows = (np.bincount(of_label, minlength=len(self.labels)).tolist() for of_label in ids)
        correct, predicted, gold = (+Counter(dict(zip(self.labels, row, strict=True))) for row in rows)  # + drops zeros
        return per_label_scores(correct=correct, predicted=predicted, gold=gold)

    def matches(self) -> dict[str, Matches]:
        """Return the matches with partial credit."""
        gold, predicted = self._without(self.gold, self.in_gold), self._without(self.predicted, self.in_predicted)
        return match_rest(gold, predicted, n_identical=len(self.in_gold))

    def _without(self, spans: SpanArrays, taken: Int[np.ndarray, " match"]) -> list[Span]:
        rest = zip(*(np.delete(part, taken).tolist() for part in (spans.starts, spans.ends, spans.label_ids)), strict=True)
        return [Span(start, end, self.labels[label]) for start, end, label in rest]


def _strict_parts(scheme: Scheme, codes: TagCodes, sides: Iterable[Sequence[Sequence[str]]]) -> TagParts:
    try:
        return scheme.strict_parts(codes)
    except DataError as error:
        unknown = next(tag for tag in codes if split_tag(tag)[0] not in scheme.prefixes)
        index = next(i for rows in sides for i, row in enumerate(rows) if unknown in row)
        raise DataError(f"record {index}: {error}") from None
