"""`Ctc`, a layer on plain tensors, equals enumeration and torch."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import ctc_loss

import seqlab
from seqlab.errors import ConfigError
from seqlab.functional.alignment import LabelPrior
from seqlab.heads.layers import Ctc

LENGTHS = torch.tensor([4, 2, 0])
LABELS, N_LABELS = torch.tensor([[0, 0], [1, 7], [7, 7]]), torch.tensor([2, 1, 0])
"""Labels 7 are padding."""
ALIGNED = (LABELS, LENGTHS, N_LABELS)


def random_scores(*, blank: int = 2) -> Tensor:
    scores = torch.randn(3, 4, 3, generator=torch.Generator().manual_seed(1))
    return scores.roll(blank - 2, 2).requires_grad_()


def alignments_of(scores: Tensor, record: int) -> dict[tuple[int, ...], float]:
    """Return the probability of every alignment of a record."""
    n_steps = int(LENGTHS[record])
    probs = scores[record].softmax(1).tolist()
    return {
        path: math.prod(probs[t][unit] for t, unit in enumerate(path)) for path in itertools.product(range(3), repeat=n_steps)
    }


def labels_of(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(unit for unit, _ in itertools.groupby(path) if unit != 2)


def sequences_of(scores: Tensor, record: int) -> dict[tuple[int, ...], float]:
    """Return the probability of every label sequence of a record."""
    found: dict[tuple[int, ...], float] = {}
    for path, prob in alignments_of(scores, record).items():
        found[labels_of(path)] = found.get(labels_of(path), 0.0) + prob
    return found


def test_answers_equal_enumeration() -> None:
    ctc, scores = Ctc(2), random_scores()
    logs, marginals = ctc.log_prob(scores, *ALIGNED), ctc.marginals(scores, *ALIGNED)
    best, ranked, wide = ctc.decode(scores, LENGTHS), ctc.n_best(scores, LENGTHS, n=30), Ctc(2, beam_width=30)
    for record, n_labels in enumerate(N_LABELS.tolist()):
        paths, sequences = alignments_of(scores, record), sequences_of(scores, record)
        gold = tuple(LABELS[record, :n_labels].tolist())
        assert logs[record].exp().item() == pytest.approx(sequences[gold], abs=1e-6)
        assert tuple(best[record]) == labels_of(max(paths, key=lambda path: paths[path]))
        assert {tuple(labels): prob for labels, prob in ranked[record]} == pytest.approx(sequences, abs=1e-6)
        assert [prob for _, prob in ranked[record]] == sorted((prob for _, prob in ranked[record]), reverse=True)
        assert tuple(wide.decode(scores, LENGTHS)[record]) == max(sequences, key=lambda labels: sequences[labels])
        fitting = {path: prob for path, prob in paths.items() if labels_of(path) == gold}
        for step, unit in itertools.product(range(int(LENGTHS[record])), range(3)):
            at_step = sum(prob for path, prob in fitting.items() if path[step] == unit)
            assert marginals[record, step, unit].item() == pytest.approx(at_step / sequences[gold], abs=1e-6)
        assert not marginals[record, LENGTHS[record] :].any()


def test_alignment_is_the_best_that_has_the_labels() -> None:
    scores = random_scores()
    paths = {path: prob for path, prob in alignments_of(scores, 0).items() if labels_of(path) == (0, 0)}
    best = max(paths, key=lambda path: paths[path])
    is_label = [unit == 0 for unit in best]
    starts = [t for t in range(4) if is_label[t] and (t == 0 or not is_label[t - 1])]
    ends = [t + 1 for t in range(4) if is_label[t] and (t == 3 or not is_label[t + 1])]
    found = Ctc(2).align(scores, torch.tensor([[0, 0], [1, 1], [1, 7]]), LENGTHS, torch.tensor([2, 2, 1]))
    assert found == [list(zip(starts, ends, strict=True)), [], []]


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_loss_and_gradient_are_those_of_torch(blank: int, zero_infinity: bool) -> None:
    ctc, scores = Ctc(2, blank=blank), random_scores(blank=blank)
    labels = torch.where(LABELS < 2, (LABELS + blank + 1) % 3, 7)
    ours = ctc.loss(scores, labels, LENGTHS, N_LABELS, reduction="none", zero_infinity=zero_infinity)
    log_probs = scores.log_softmax(2).transpose(0, 1)
    theirs = ctc_loss(log_probs, labels, LENGTHS, N_LABELS, blank, reduction="none", zero_infinity=zero_infinity)
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(losses.sum(), scores, retain_graph=True)[0] for losses in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_reductions_weigh_records_or_labels() -> None:
    ctc, scores = Ctc(2), random_scores()
    losses = ctc.loss(scores, *ALIGNED, reduction="none")
    assert ctc.loss(scores, *ALIGNED).item() == pytest.approx(losses.mean().item())
    assert ctc.loss(scores, *ALIGNED, reduction="sum").item() == pytest.approx(losses.sum().item())
    assert ctc.loss(scores, *ALIGNED, reduction="label_mean").item() == pytest.approx(losses.sum().item() / (3 + 2 + 1))


def test_labels_that_do_not_fit_have_probability_zero_and_no_gradient() -> None:
    ctc, scores = Ctc(2), random_scores()
    labels, n_labels = torch.tensor([[0, 0], [1, 1], [1, 7]]), torch.tensor([2, 2, 1])
    losses = ctc.loss(scores, labels, LENGTHS, n_labels, reduction="none")
    assert losses.isinf().tolist() == [False, True, True]
    (gradient,) = torch.autograd.grad(losses.sum(), scores)
    assert gradient.isfinite().all()
    assert gradient.flatten(1).any(1).tolist() == [True, False, False]
    assert not ctc.marginals(scores, labels, LENGTHS, n_labels)[1:].any()
    zeroed = ctc.loss(scores, labels, LENGTHS, n_labels, zero_infinity=True)
    assert zeroed.item() == pytest.approx(losses[0].item() / 3)


def test_log_probabilities_need_no_normalising() -> None:
    ctc, scores = Ctc(2), random_scores()
    torch.testing.assert_close(ctc.loss(scores.log_softmax(2), *ALIGNED), ctc.loss(scores, *ALIGNED))


def test_without_lengths_nothing_is_padding() -> None:
    ctc, scores = Ctc(2), random_scores()
    labels = torch.tensor([[0, 1]] * 3)
    full = ctc.loss(scores, labels, [4, 4, 4], [2, 2, 2])
    assert ctc.loss(scores, labels).item() == full.item()
    assert ctc.decode(scores) == ctc.decode(scores, torch.tensor([4, 4, 4]))


def test_padding_changes_nothing() -> None:
    ctc, scores = Ctc(2), random_scores()
    garbage = scores.detach().clone()
    garbage[1, 2:], garbage[2] = torch.nan, torch.inf
    garbage.requires_grad_()
    found, expected = ctc.loss(garbage, *ALIGNED), ctc.loss(scores, *ALIGNED)
    assert found.item() == expected.item()
    torch.testing.assert_close(torch.autograd.grad(found, garbage), torch.autograd.grad(expected, scores))
    alone = ctc.loss(scores[1:2, :2], LABELS[1:2, :1])
    assert alone.item() == pytest.approx(ctc.loss(scores, *ALIGNED, reduction="none")[1].item())
    assert ctc.decode(garbage, LENGTHS) == ctc.decode(scores, LENGTHS)


def test_prior_and_bonus_change_the_order_not_the_probability() -> None:
    scores = torch.tensor([[[0.5, 0.4, 0.1], [0.1, 0.1, 0.8]]]).log()
    prior = LabelPrior.of([[1]] * 50, order=1, n_labels=2)
    plain, guided = (Ctc(2, beam_width=9, prior=each).n_best(scores, n=9)[0] for each in (None, prior))
    assert (plain[0][0], guided[0][0]) == ([0], [1])
    assert sorted(plain) == [(labels, pytest.approx(prob)) for labels, prob in sorted(guided)]
    assert len(Ctc(2, beam_width=9, insertion_bonus=5.0).decode(scores)[0]) == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores_lose_nothing_in_sums(dtype: torch.dtype) -> None:
    ctc, scores = Ctc(2), random_scores().detach().to(dtype).requires_grad_()
    loss = ctc.loss(scores, *ALIGNED)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, ctc.loss(scores.float(), *ALIGNED))
    assert torch.autograd.grad(loss, scores)[0].dtype == dtype


def test_a_batch_without_records_has_loss_zero() -> None:
    ctc, none = Ctc(2), torch.zeros(0, 2, dtype=torch.long)
    assert ctc.loss(torch.zeros(0, 4, 3), none).item() == 0
    assert ctc.decode(torch.zeros(2, 0, 3)) == [[], []]
    assert ctc.align(torch.zeros(0, 4, 3), none) == []


def test_the_layer_has_no_parameters() -> None:
    assert not Ctc(2).state_dict()
    assert seqlab.Ctc is Ctc


SCORES, GOLD = torch.zeros(2, 4, 3), torch.zeros(2, 2, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ctc: ctc.decode(torch.zeros(2, 4, 2)), r"shape \(2, 4, 2\); expected \(batch, time, 3\), for 2 labels"),
        (lambda ctc: ctc.decode(SCORES, torch.tensor([4])), r"lengths has the shape \(1,\); expected 2 integers"),
        (lambda ctc: ctc.decode(SCORES, [5, 1]), "lengths are 1 to 5; expected 0 to 4, the steps"),
        (lambda ctc: ctc.loss(SCORES, GOLD[:1]), r"labels have the shape \(1, 2\); expected \(2, label\)"),
        (lambda ctc: ctc.loss(SCORES, GOLD, None, [3, 0]), "label_lengths are 0 to 3; expected 0 to 2, the columns of labels"),
        (lambda ctc: ctc.loss(SCORES, GOLD + 2), "a label is 2; expected 0 to 2, without the blank, 2"),
        (lambda ctc: ctc.align(SCORES, GOLD - 1), "a label is -1; expected 0 to 2"),
        (lambda ctc: ctc.loss(SCORES, GOLD, reduction="max"), "reduction is 'max'; expected one of mean, sum, label_mean"),
        (lambda ctc: ctc.n_best(SCORES, n=0), "n is 0; expected at least 1"),
        (lambda ctc: Ctc(0), "n_labels is 0; expected at least 1"),
        (lambda ctc: Ctc(2, blank=3), "blank is 3; expected 0 to 2, or None"),
        (lambda ctc: Ctc(2, beam_width=0), "beam_width is 0; expected at least 1"),
        (lambda ctc: Ctc(2, insertion_bonus=math.nan), "insertion_bonus is nan; expected a finite number"),
        (lambda ctc: Ctc(2, prior_weight=-1.0), "prior_weight is -1.0; expected a number, at least 0"),
        (lambda ctc: Ctc(2, prior=LabelPrior.of([[0]], order=1, n_labels=2)), "prior needs a beam"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(Ctc(n_labels=2))
