"""Numbers out of range are refused where a head is made, by their place in the config."""

from typing import Any

import pytest

from seqlab.data.columns import string_records
from seqlab.data.fields import LabelSequenceField, MultiLabelField, SpanField, TagField
from seqlab.data.fields.base import Field
from seqlab.errors import ConfigError
from seqlab.heads import (
    BiaffineSpanHead,
    CrfTokenHead,
    CtcHead,
    Head,
    HmmHybridHead,
    MultiLabelHead,
    SecondOrderCrfTokenHead,
    SemiMarkovHead,
    SoftmaxTokenHead,
)

TAGS, LABELS = TagField("tags", "BIO"), LabelSequenceField(column="labels", alternatives=None)
TAGS.fit(string_records({"tags": [["B-A", "O"]]}))
LABELS.fit(string_records({"labels": [["a", "b"]]}))
SPANS, TOPICS = SpanField(column="segments", scheme=None), MultiLabelField(column="topics")
SPANS.labels = TOPICS.labels = ["a", "b"]
CTC: dict[str, Any] = {"upsampling": 1, "drop_prob": 0.0, "beam_width": 2, "insertion_bonus": 0.0, "prior_order": 1}
CTC |= {"prior_weight": 1.0}
HYBRID: dict[str, Any] = {"upsampling": 1, "drop_prob": 0.0, "states_per_label": 1, "can_skip": False, "has_silence": True}
HYBRID |= {"training": "full_sum", "prior_scale": 0.5, "insertion_bonus": 0.0}
SOFTMAX: dict[str, Any] = {"is_constrained": True, "class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}
BIAFFINE: dict[str, Any] = {"hidden_width": 2, "drop_prob": 0.0, "max_width": 3, "can_nest": True, "omission_cost": 0.0}
MULTI: dict[str, Any] = {"pooling": "mean", "drop_prob": 0.0, "threshold": 0.5}
NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("kind", "target", "settings", "name", "values"),
    [
        (CrfTokenHead, TAGS, {"omission_cost": 0.0}, "omission_cost", [-1.0, NAN, INFINITY]),
        (SecondOrderCrfTokenHead, TAGS, {"omission_cost": 0.0}, "omission_cost", [-0.1]),
        (SoftmaxTokenHead, TAGS, SOFTMAX, "label_smoothing", [-0.1, 1.0, NAN]),
        (SoftmaxTokenHead, TAGS, SOFTMAX, "focal_gamma", [-1.0, NAN]),
        (SemiMarkovHead, TAGS, {"max_length": 3}, "max_length", [0, -2]),
        (BiaffineSpanHead, SPANS, BIAFFINE, "omission_cost", [-1.0, NAN]),
        (BiaffineSpanHead, SPANS, BIAFFINE, "hidden_width", [0]),
        (BiaffineSpanHead, SPANS, BIAFFINE, "max_width", [0]),
        (CtcHead, LABELS, CTC, "upsampling", [0]),
        (CtcHead, LABELS, CTC, "beam_width", [0]),
        (CtcHead, LABELS, CTC, "prior_weight", [-1.0]),
        (CtcHead, LABELS, CTC, "insertion_bonus", [NAN, INFINITY]),
        (HmmHybridHead, LABELS, HYBRID, "prior_scale", [-1.0]),
        (HmmHybridHead, LABELS, HYBRID, "insertion_bonus", [-INFINITY]),
        (HmmHybridHead, LABELS, HYBRID, "states_per_label", [0]),
        (MultiLabelHead, TOPICS, MULTI, "threshold", [-0.5, 1.5]),
    ],
)
def test_a_number_out_of_range_is_refused(
    kind: type[Head], target: Field, settings: dict[str, Any], name: str, values: list[float]
) -> None:
    kind(target=target, input_width=2, summary_width=2, **settings)
    for value in values:
        with pytest.raises(ConfigError, match=rf"{name} is {value}; expected "):
            kind(target=target, input_width=2, summary_width=2, **settings | {name: value})


@pytest.mark.parametrize("drop_prob", [-0.1, 1.0, 1.5])
@pytest.mark.parametrize(
    ("kind", "target", "settings"),
    [
        (CtcHead, LABELS, CTC),
        (HmmHybridHead, LABELS, HYBRID),
        (BiaffineSpanHead, SPANS, BIAFFINE),
        (MultiLabelHead, TOPICS, MULTI),
    ],
)
def test_a_share_to_drop_is_below_1(kind: type[Head], target: Field, settings: dict[str, Any], drop_prob: float) -> None:
    with pytest.raises(ConfigError, match=rf"dropout is {drop_prob}; expected a probability"):
        kind(target=target, input_width=2, summary_width=2, **settings | {"drop_prob": drop_prob})
