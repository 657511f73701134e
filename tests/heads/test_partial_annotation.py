"""Heads that learn from steps without annotation, and from steps of which several tags may be right."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import PartialTagField
from seqlab.data.records import records_from_columns
from seqlab.errors import DataError
from seqlab.heads import CrfTokenHead, SecondOrderCrfTokenHead, SoftmaxTokenHead, TokenHead
from seqlab.steps import Steps
from seqlab.testing.ragged import ragged_steps
from seqlab.testing.records import batch_of, n_steps
from seqlab.types import Prediction

RECORDS = [["B-A", "I-A|O", "_"], ["_", "_"], ["O"], ["B-A|B-B", "O", "O"], []]
CRFS = [CrfTokenHead, SecondOrderCrfTokenHead]


def columns(rows: list[list[str]]) -> Columns:
    return Columns(records_from_columns({"tags": rows}))


@pytest.fixture
def field() -> PartialTagField:
    field = PartialTagField(column="tags", scheme="BIO", unannotated="_", separator="|")
    field.fit(columns(RECORDS))
    return field


def head_of(kind: type[TokenHead], field: PartialTagField, **options: Any) -> TokenHead:
    torch.manual_seed(0)
    of_softmax = {"is_constrained": True, "class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}
    settings = {**(of_softmax if kind is SoftmaxTokenHead else {"omission_cost": 0.0}), **options}
    return kind(target=field, input_width=4, summary_width=4, **settings)


def loss(head: TokenHead, steps: Steps, rows: list[list[str]]) -> Tensor:
    found = columns(rows)
    batch = batch_of([head.target], found, rows=list(range(len(rows))), lengths=n_steps(found, column="tags"))
    return head.loss(steps, batch)


@pytest.mark.parametrize("kind", CRFS)
def test_a_crf_raises_the_probability_of_all_that_may_be_right(kind: type[TokenHead], field: PartialTagField) -> None:
    head = head_of(kind, field).double()
    steps = ragged_steps(4, lengths=[len(row) for row in RECORDS])
    steps = Steps(steps.values.double(), steps.lengths)
    expected = torch.zeros((), dtype=torch.float64)
    for i, row in enumerate(RECORDS):
        if not row:
            continue
        alone = Steps(steps.values[i : i + 1, : len(row)], steps.lengths[i : i + 1])
        choices = itertools.product(*(field.readings(tag) or field.tags for tag in row))
        fits = [list(path) for path in choices if not field.span_scheme.violations(list(path))]
        probs = torch.stack([torch.exp(-loss(head, alone, [path]) * len(path)) for path in fits])
        expected -= probs.sum().log()
    n_real = sum(map(len, RECORDS))
    torch.testing.assert_close(loss(head, steps, RECORDS), expected / n_real, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("gamma", "weights"), [(0.0, {}), (2.0, {}), (0.0, {"O": 3.0})])
def test_softmax_raises_the_probability_of_any_that_may_be_right(
    gamma: float, weights: dict[str, float], field: PartialTagField
) -> None:
    head = head_of(SoftmaxTokenHead, field, focal_gamma=gamma, class_weights=weights)
    steps = ragged_steps(4, lengths=[3])
    probs = head.projection(steps.values).softmax(2)[0]
    in_set = probs[1, [field.tags.index("I-A"), field.tags.index("O")]].sum()
    of_tag, weight = probs[0, field.tags.index("O")], weights.get("O", 1.0)
    losses = [weight * (1 - of_tag) ** gamma * -of_tag.log(), (1 - in_set) ** gamma * -in_set.log()]
    torch.testing.assert_close(loss(head, steps, [["O", "I-A|O", "_"]]), sum(losses) / (weight + 1))


@pytest.mark.parametrize("kind", [*CRFS, SoftmaxTokenHead])
def test_full_annotation_costs_the_same_with_a_plain_field(kind: type[TokenHead], field: PartialTagField) -> None:
    head, steps = head_of(kind, field), ragged_steps(4, lengths=[3, 1])
    with_sets = loss(head, steps, [["B-A", "I-A", "O"], ["O"]])
    field.sets = []
    plain = head_of(kind, field)
    plain.load_state_dict(head.state_dict())
    assert torch.equal(with_sets, loss(plain, steps, [["B-A", "I-A", "O"], ["O"]]))


def test_softmax_of_hopeless_sets_stays_finite(field: PartialTagField) -> None:
    head = head_of(SoftmaxTokenHead, field)
    with torch.no_grad():
        head.projection.bias[field.tags.index("B-B")] = 300.0
    steps = ragged_steps(4, lengths=[3])
    found = loss(head, steps, [["B-A", "I-A|O", "_"]])
    found.backward()
    assert found > 100
    assert all(bool(parameter.grad.isfinite().all()) for parameter in head.parameters())


@pytest.mark.parametrize("kind", CRFS)
def test_records_that_break_the_scheme_have_a_finite_loss(kind: type[TokenHead], field: PartialTagField) -> None:
    steps = ragged_steps(4, lengths=[3])
    assert loss(head_of(kind, field), steps, [["O", "I-A", "_"]]).isfinite()


def test_span_scores_need_a_fully_annotated_record(field: PartialTagField) -> None:
    with pytest.raises(DataError, match="no record of the split is fully annotated"):
        head_of(CrfTokenHead, field).score([["_", "B-A"]], [Prediction(["O", "B-A"], [])])


def test_records_without_spans_to_score_are_refused_before_anything_runs(field: PartialTagField) -> None:
    head = head_of(CrfTokenHead, field)
    partial, mixed = (EncodedRecords({}, columns=columns(rows)) for rows in ([["_", "B-A"], ["O|B-A"]], [["_", "B-A"], ["O"]]))
    with pytest.raises(DataError, match="no record of test is fully annotated"):
        head.check_records(partial, split="test", is_taught=False)
    head.check_records(partial, split="train", is_taught=True)
    head.check_records(mixed, split="test", is_taught=False)


def test_gold_spans_are_those_of_fully_annotated_records(field: PartialTagField) -> None:
    head = head_of(CrfTokenHead, field)
    assert head.spans.gold(columns([["B-A", "I-A", "O"], ["_", "B-A"], []])) == [[((0, 2), "A")], None, []]


def test_gradients_reach_steps_around_what_is_not_annotated(field: PartialTagField) -> None:
    head = head_of(CrfTokenHead, field)
    steps = ragged_steps(4, lengths=[3])
    values = steps.values.clone().requires_grad_()
    loss(head, Steps(values, steps.lengths), [["B-A", "_", "_"]]).backward()
    assert (values.grad[0].abs().sum(1) > 1e-6).all()


def test_scores_count_what_is_annotated(field: PartialTagField) -> None:
    gold = [["B-A", "I-A|O", "_"], ["B-B", "O"], ["_"]]
    predicted = [["B-A", "O", "O"], ["B-B", "B-A"], ["B-B"]]
    scores = head_of(CrfTokenHead, field).score(gold, [Prediction(labels, []) for labels in predicted])
    assert scores["accuracy"] == 3 / 4
    assert scores["span_f1"]["strict"] == pytest.approx(2 / 3)
    assert scores["per_tag"]["B-A"]["support"] == 1
