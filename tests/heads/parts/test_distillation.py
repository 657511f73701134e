"""Heads that learn a teacher's probabilities beside the tags."""

from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.data.columns import Columns
from seqlab.data.fields import CategoryField, TagField, TaughtTagField
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError
from seqlab.heads import (
    CrfTokenHead,
    HmmTokenHead,
    SecondOrderCrfTokenHead,
    SemiMarkovHead,
    SoftmaxTokenHead,
    TokenHead,
)
from seqlab.heads.distributions import TagDistribution
from seqlab.heads.parts.distillation import teaching_loss
from seqlab.steps import Steps
from seqlab.testing.ragged import ragged_steps
from seqlab.testing.records import bare_batch, batch_of, n_steps

TAGS = [["B-A", "I-A", "O"], ["O"], [], ["B-B", "O"]]
TEACHER = [
    [{"B-A": 0.7, "O": 0.2, "B-B": 0.1}, {"I-A": 0.6, "O": 0.4}, {"O": 1.0}],
    [{"O": 0.5, "B-B": 0.5}],
    [],
    [{"B-B": 0.9, "O": 0.1}, {}],
]
KINDS = [CrfTokenHead, SoftmaxTokenHead]


def columns(teacher: list[Any] | None = TEACHER) -> Columns:
    return Columns(records_from_columns({"tags": TAGS} | ({} if teacher is None else {"teacher": teacher})))


def head_of(kind: type[TokenHead], *, weight: float = 1.0, temperature: float = 1.0) -> TokenHead:
    field = TaughtTagField(column="tags", scheme="BIO", teacher_column="teacher", weight=weight, temperature=temperature)
    field.fit(columns())
    return made(kind, field)


def made(kind: type[TokenHead], field: TaughtTagField | TagField) -> TokenHead:
    torch.manual_seed(0)
    of_softmax = {"is_constrained": True, "class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}
    options = of_softmax if kind is SoftmaxTokenHead else {"omission_cost": 0.0}
    head = kind(target=field, input_width=4, summary_width=4, **options)
    with torch.no_grad():
        head.projection.weight *= 5
    return head


def loss(head: TokenHead, steps: Steps, given: Columns) -> Tensor:
    rows = list(range(len(TAGS)))
    return head.loss(steps, batch_of([head.target], given, rows=rows, lengths=n_steps(given, column="tags")))


@pytest.fixture
def steps() -> Steps:
    return ragged_steps(4, lengths=[len(tags) for tags in TAGS])


def probabilities(head: TokenHead, steps: Steps) -> torch.Tensor:
    believed = head.distribution(steps, bare_batch(steps))
    assert isinstance(believed, TagDistribution)
    return believed.marginals.detach()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_divergence_of_probabilities_at_each_taught_step(
    kind: type[TokenHead], temperature: float, steps: Steps
) -> None:
    head = head_of(kind, temperature=temperature)
    probs, expected, n_taught = probabilities(head, steps).double(), 0.0, 0
    for i, record in enumerate(TEACHER):
        for t, answer in enumerate(record):
            if answer:
                taught = torch.tensor([answer.get(tag, 0.0) for tag in head.target.tags], dtype=torch.float64)
                soft, own = ((p ** (1 / temperature)) / (p ** (1 / temperature)).sum() for p in (taught, probs[i, t]))
                expected += sum(float(q * (q / p).log()) for q, p in zip(soft, own, strict=True) if q > 0)
                n_taught += 1
    assert n_taught == 5
    assert loss(head, steps, columns()).item() == pytest.approx(temperature**2 * expected / n_taught, rel=1e-4)


def test_softening_a_softmax_divides_its_scores() -> None:
    scores, taught = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    found = teaching_loss(scores.log_softmax(2), taught.softmax(2), temperature=2.5)
    by_scores = torch.nn.functional.kl_div(
        (scores / 2.5).log_softmax(2), (taught / 2.5).log_softmax(2), log_target=True, reduction="sum"
    )
    torch.testing.assert_close(found, 2.5**2 * by_scores / 6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_weight_divides_the_loss_between_probabilities_and_tags(kind: type[TokenHead], steps: Steps) -> None:
    of_probs, of_tags, of_both = (loss(head_of(kind, weight=w), steps, columns()) for w in (1.0, 0.0, 0.25))
    torch.testing.assert_close(of_both, 0.25 * of_probs + 0.75 * of_tags)
    plain = TagField(column="tags", scheme="BIO")
    plain.fit(columns())
    assert torch.equal(of_tags, loss(made(kind, plain), steps, columns()))


@pytest.mark.parametrize("kind", KINDS)
def test_records_without_a_teacher_teach_their_tags(kind: type[TokenHead], steps: Steps) -> None:
    assert torch.equal(loss(head_of(kind), steps, columns(teacher=None)), loss(head_of(kind, weight=0.0), steps, columns()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_has_nothing_to_learn_from_itself(kind: type[TokenHead], steps: Steps) -> None:
    head = head_of(kind)
    own = probabilities(head, steps).tolist()
    records = zip(own, TAGS, strict=True)
    said = [[dict(zip(head.target.tags, step, strict=True)) for step in rows[: len(tags)]] for rows, tags in records]
    found = loss(head, steps, columns(said))
    assert abs(found.item()) < 1e-6
    assert all(gradient.abs().max() < 1e-5 for gradient in torch.autograd.grad(found, list(head.parameters())))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_head_learns_what_the_teacher_holds(kind: type[TokenHead], steps: Steps) -> None:
    head = head_of(kind)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    values = Steps(torch.randn(steps.values.shape), steps.lengths)
    for _ in range(150):
        optimizer.zero_grad()
        loss(head, values, columns()).backward()
        optimizer.step()
    probs, tags = probabilities(head, values), head.target.tags
    assert probs[0, 0, tags.index("B-A")].item() == pytest.approx(0.7, abs=0.05)
    assert probs[0, 1, tags.index("I-A")].item() == pytest.approx(0.6, abs=0.05)
    assert probs[1, 0, tags.index("B-B")].item() == pytest.approx(0.5, abs=0.05)


def test_a_teacher_of_what_the_scheme_forbids_leaves_the_loss_finite(steps: Steps) -> None:
    said = [[{"I-B": 1.0}] * 3, [{"I-A": 1.0}], [], [{"I-A": 0.5, "O": 0.5}] * 2]
    head = head_of(CrfTokenHead)
    found = loss(head, steps, columns(said))
    assert found.isfinite()
    assert all(bool(gradient.isfinite().all()) for gradient in torch.autograd.grad(found, list(head.parameters())))


def test_a_crf_of_second_order_cannot_be_taught(steps: Steps) -> None:
    with pytest.raises(ConfigError, match="second order cannot learn a teacher's probabilities; use crf or softmax"):
        loss(head_of(SecondOrderCrfTokenHead), steps, columns())


@pytest.mark.parametrize("kind", [SemiMarkovHead, HmmTokenHead])
def test_other_heads_cannot_be_taught(kind: type[TokenHead]) -> None:
    field = TaughtTagField(column="tags", scheme="BIO", teacher_column="teacher", weight=0.5, temperature=1.0)
    field.fit(columns())
    if kind is SemiMarkovHead:
        head = SemiMarkovHead(target=field, input_width=1, summary_width=1)
    else:
        words = CategoryField(column="tokens", view="identity", min_count=1)
        words.fit(Columns(records_from_columns({"tokens": TAGS})))
        head = HmmTokenHead(target=field, words=words, input_width=1, summary_width=1)
    lengths = torch.tensor([len(tags) for tags in TAGS])
    with pytest.raises(ConfigError, match="cannot learn a teacher's probabilities; use crf or softmax"):
        loss(head, Steps(torch.ones(len(TAGS), 3, 1), lengths), columns())
