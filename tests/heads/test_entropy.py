"""How open the answers of heads are, against all answers written down."""

import itertools
import math
from typing import Any

import pytest
import torch

from seqlab.data.fields import LabelField, MultiLabelField, TagField
from seqlab.heads import (
    CrfTokenHead,
    Head,
    MultiLabelHead,
    SecondOrderCrfTokenHead,
    SemiMarkovHead,
    SequenceHead,
    SoftmaxTokenHead,
)
from seqlab.testing import labelled_columns
from seqlab.testing.ragged import ragged_steps
from seqlab.testing.records import bare_batch

SIZES = {"input_width": 4, "summary_width": 4}
PLAIN: dict[str, Any] = {"class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}
POOLED = {**SIZES, "pooling": "mean", "drop_prob": 0.0}


@pytest.fixture
def tags() -> TagField:
    field = TagField(column="tags", scheme="BIO")
    field.fit(labelled_columns())
    return field


def entropy(head: Head, lengths: list[int]) -> list[float]:
    steps = ragged_steps(4, lengths=lengths)
    nats: list[float] = head.eval().distribution(steps, bare_batch(steps)).entropy.tolist()
    return nats


@pytest.mark.parametrize("kind", ["crf", "second", "semi_markov"])
def test_of_lattices_it_is_that_of_all_ranked_answers(kind: str, tags: TagField) -> None:
    torch.manual_seed(0)
    if kind == "semi_markov":
        head: Head = SemiMarkovHead(target=tags, max_length=3, **SIZES)
    else:
        head = (CrfTokenHead if kind == "crf" else SecondOrderCrfTokenHead)(target=tags, omission_cost=0.0, **SIZES)
    steps = ragged_steps(4, lengths=[3, 0, 2, 1])
    answers = head.eval().distribution(steps, bare_batch(steps)).n_best(len(tags.tags) ** 3)
    expected = []
    for row in answers:
        probs = [answer.probability for answer in row]
        assert sum(probs) == pytest.approx(1.0, abs=1e-5)
        expected.append(-sum(p * math.log(p) for p in probs if p))
    assert entropy(head, [3, 0, 2, 1]) == pytest.approx(expected, abs=1e-4)


def test_of_independent_steps_it_is_their_sum(tags: TagField) -> None:
    torch.manual_seed(0)
    head = SoftmaxTokenHead(target=tags, is_constrained=False, **SIZES, **PLAIN).eval()
    steps = ragged_steps(4, lengths=[3, 0])
    probs = head.projection(steps.values[0]).softmax(1).double()
    paths = itertools.product(range(len(tags.tags)), repeat=3)
    of_paths = torch.stack([probs[torch.arange(3), torch.tensor(path)].prod() for path in paths])
    assert entropy(head, [3, 0]) == pytest.approx([float(torch.special.entr(of_paths).sum().detach()), 0.0], abs=1e-5)


def test_of_labels_of_records() -> None:
    torch.manual_seed(0)
    field = LabelField(column="label")
    field.fit(labelled_columns())
    head = SequenceHead(target=field, **POOLED, **PLAIN)
    steps = ragged_steps(4, lengths=[2, 1])
    ranked = head.eval().distribution(steps, bare_batch(steps)).n_best(100)
    expected = [-sum(a.probability * math.log(a.probability) for a in row) for row in ranked]
    assert entropy(head, [2, 1]) == pytest.approx(expected, abs=1e-5)


def test_of_sets_of_labels_it_is_that_of_all_sets() -> None:
    torch.manual_seed(0)
    field = MultiLabelField(column="label")
    field.labels = ["a", "b", "c"]
    head = MultiLabelHead(target=field, threshold=0.5, **POOLED).eval()
    probs = torch.sigmoid(head.scores(ragged_steps(4, lengths=[2])))[0].tolist()
    sets = [
        math.prod(p if is_in else 1 - p for p, is_in in zip(probs, row, strict=True))
        for row in itertools.product([0, 1], repeat=3)
    ]
    assert entropy(head, [2]) == pytest.approx([-sum(p * math.log(p) for p in sets)], abs=1e-5)
