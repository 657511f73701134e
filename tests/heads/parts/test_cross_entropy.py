"""The loss of labels against its definition, and plain where nothing is trained."""

from typing import Any

import pytest
import torch

from seqlab.data.columns import string_records
from seqlab.data.fields import LabelField
from seqlab.errors import ConfigError
from seqlab.heads import PairLabelHead, SequenceHead
from seqlab.heads.parts.cross_entropy import CrossEntropy, mean

LABELS = ["a", "b", "c"]
SCORES = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).double()
TARGETS = torch.tensor([0, 2, -1, 1, 2])
PLAIN: dict[str, Any] = {"class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"class_weights": {"a": 3.0, "c": 0.5}},
    {"label_smoothing": 0.2},
    {"focal_gamma": 2.0},
    {"class_weights": {"b": 0.1}, "label_smoothing": 0.1, "focal_gamma": 1.5},
]


def expected(class_weights: dict[str, float], label_smoothing: float, focal_gamma: float) -> float:
    """Return the mean loss by the definition, target by target."""
    weights = torch.tensor([class_weights.get(label, 1.0) for label in LABELS], dtype=torch.float64)
    total = weight = 0.0
    for logs, target in zip(SCORES.log_softmax(1), TARGETS.tolist(), strict=True):
        if target < 0:
            continue
        share = torch.full((3,), label_smoothing / 3, dtype=torch.float64)
        share[target] += 1 - label_smoothing
        total += float((1 - logs[target].exp()) ** focal_gamma * -(weights * share * logs).sum())
        weight += float(weights[target])
    return total / weight


@pytest.mark.parametrize("options", OPTIONS)
def test_the_loss_follows_its_definition_while_training_and_is_plain_otherwise(options: dict[str, Any]) -> None:
    made = CrossEntropy(LABELS, **(PLAIN | options)).double()
    assert mean(*made(SCORES, TARGETS)).item() == pytest.approx(expected(**(PLAIN | options)), rel=1e-7)
    assert mean(*made.eval()(SCORES, TARGETS)).item() == pytest.approx(expected(**PLAIN), rel=1e-7)


@pytest.mark.parametrize("options", OPTIONS)
def test_of_no_target_the_mean_is_0(options: dict[str, Any]) -> None:
    made = CrossEntropy(LABELS, **(PLAIN | options)).double()
    assert mean(*made(SCORES, torch.full((5,), -1))).item() == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_weights": {"d": 1.0}}, r"class_weights has 'd', which is not a label; expected some of a, b, c"),
        ({"class_weights": {"a": -1.0}}, r"class_weights\.a is -1\.0; expected a number, at least 0"),
        ({"label_smoothing": 1.0}, r"label_smoothing is 1\.0"),
        ({"focal_gamma": -1.0}, r"focal_gamma is -1\.0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CrossEntropy(LABELS, **(PLAIN | options))


@pytest.mark.parametrize("kind", [SequenceHead, PairLabelHead])
def test_heads_of_records_take_the_options(kind: type[SequenceHead | PairLabelHead]) -> None:
    field = LabelField("label")
    field.fit(string_records({"label": ["a", "b"]}))
    own = {"features": ["product"], "width": 2} if kind is PairLabelHead else {}
    options = {"class_weights": {"b": 2.0}, "label_smoothing": 0.1, "focal_gamma": 1.0}
    head = kind(target=field, input_width=2, summary_width=2, pooling="mean", drop_prob=0.0, **own, **options)
    assert head.cross_entropy.weights.tolist() == [2.0 if label == "b" else 1.0 for label in field.labels]
    assert (head.cross_entropy.label_smoothing, head.cross_entropy.focal_gamma) == (0.1, 1.0)
