"""What is left of a prediction when some of its spans are left out."""

from itertools import product
from typing import Any

import pytest
import torch

from seqlab.data.columns import Columns
from seqlab.data.fields import SegmentBoundsField, SegmentLabelField, TagField
from seqlab.data.records import records_from_columns
from seqlab.data.schemes import SCHEME_NAMES, get_scheme
from seqlab.heads import SegmentHead, SoftmaxTokenHead
from seqlab.heads.parts.span_views import PredictedSpans, count_labels
from seqlab.types import Prediction, Span

SPANS = [Span(0, 2, "a"), Span(2, 3, "b"), Span(3, 4, "a"), Span(4, 6, "a"), Span(7, 8, "b")]
N_STEPS = 9
PLAIN: dict[str, Any] = {"input_width": 2, "summary_width": 2, "class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}


def tag_head(scheme: str) -> tuple[SoftmaxTokenHead, Columns]:
    tags = get_scheme(scheme).encode(SPANS, n_steps=N_STEPS)
    columns = Columns(records_from_columns({"tags": [tags]}))
    target = TagField("tags", scheme)
    target.fit(columns)
    return SoftmaxTokenHead(target=target, is_constrained=True, **PLAIN), columns


def segment_head(segments: list[list[dict[str, Any]]]) -> tuple[SegmentHead, Columns]:
    columns = Columns(records_from_columns({"segments": segments}))
    target, bounds = SegmentLabelField("segments", None), SegmentBoundsField("segments", None)
    target.fit(columns)
    torch.manual_seed(0)
    head = SegmentHead(
        target=target, bounds=bounds, input_width=2, summary_width=2, pooling="mean", drop_prob=0.0, has_transitions=False
    )
    return head, columns


@pytest.mark.parametrize("scheme", SCHEME_NAMES)
@pytest.mark.parametrize("knows_spans", [True, False])
def test_tags_spell_the_kept_spans_and_no_other(scheme: str, knows_spans: bool) -> None:
    head, columns = tag_head(scheme)
    (labels,) = head.gold(columns)
    spans = get_scheme(scheme).spans(labels)  # IO makes one of two
    own = [0.1 * i for i in range(1, len(spans) + 1)]
    confidences = [0.5 + 0.05 * step for step in range(N_STEPS)]
    whole = Prediction(labels, confidences, span_confidences=own if knows_spans else None)
    assert head.spans.gold(columns) == [[((span.start, span.end), span.label) for span in spans]]
    assert [span for span, _ in head.spans.found(whole)] == spans
    sure = [p for _, p in head.spans.found(whole)]
    assert sure == (own if knows_spans else [confidences[span.start] for span in spans])
    for is_kept in product([True, False], repeat=len(spans)):
        left = head.spans.keep(whole, is_kept)
        assert get_scheme(scheme).violations(left.labels) == []
        expected = [(span, p) for span, p, kept in zip(spans, sure, is_kept, strict=True) if kept]
        assert head.spans.found(left) == expected
        dropped = {i for span, kept in zip(spans, is_kept, strict=True) if not kept for i in range(span.start, span.end)}
        assert left.confidences == [1 - p if i in dropped else p for i, p in enumerate(confidences)]


def test_tags_that_break_the_scheme_stay_where_nothing_is_left_out() -> None:
    head, _ = tag_head("BIO")
    whole = Prediction(["I-a", "O"], [0.5, 0.5])
    assert head.spans.keep(whole, [True]) is whole
    assert head.spans.keep(whole, [False]).labels == ["O", "O"]


def test_tags_without_a_scheme_are_no_spans() -> None:
    target = TagField("tags", None)
    target.tags = ["NOUN", "VERB"]
    head = SoftmaxTokenHead(target=target, is_constrained=False, **PLAIN)
    assert head.spans is None


def test_segments_with_the_same_bounds_have_a_label_each() -> None:
    rows = [[{"start": 0, "end": 2, "label": "a"}, {"start": 0, "end": 2, "label": "b"}]]
    head, columns = segment_head(rows)
    (gold,) = head.spans.gold(columns)
    assert gold == [((0, 2), "a"), ((0, 2), "b")]
    found = head.spans.found(Prediction(["b", "b"], [0.9, 0.8], bounds=[(0, 2), (0, 2)]))
    assert head.spans.judge(gold, found) == [False, True]
    assert count_labels([gold]) == {"a": 1, "b": 1}


def test_predicted_spans_are_correct_where_gold_has_them_in_any_order() -> None:
    view = PredictedSpans(["a", "b"], lambda columns: [])
    gold = [((0, 2), "a"), ((0, 2), "b"), ((3, 4), None)]
    spans = [(Span(0, 2, "b"), 0.9), (Span(0, 1, "a"), 0.9), (Span(3, 4, "a"), 0.9)]
    assert view.judge(gold, spans) == [True, False, None]


def test_given_segments_keep_their_place_and_have_no_label() -> None:
    head, columns = segment_head(
        [[{"start": 0, "end": 2, "label": "a"}, {"start": 1, "end": 3, "label": None}, {"start": 3, "end": 4, "label": "b"}]]
    )
    gold = [((0, 2), "a"), ((1, 3), None), ((3, 4), "b")]
    assert head.spans.gold(columns) == [gold]
    assert head.spans.labels == ["a", "b"]
    whole = Prediction(["a", "b", "b"], [0.9, 0.8, 0.7], bounds=[(0, 2), (1, 3), (3, 4)])
    assert head.spans.found(whole) == [(Span(0, 2, "a"), 0.9), (Span(1, 3, "b"), 0.8), (Span(3, 4, "b"), 0.7)]
    assert head.spans.judge(gold, head.spans.found(whole)) == [True, None, True]
    left = head.spans.keep(whole, [True, False, True])
    assert left == Prediction(["a", "_", "b"], [0.9, 1 - 0.8, 0.7], bounds=whole.bounds)
    assert head.spans.keep(whole, [True] * 3) == whole
