"""Decoding of CTC against every label sequence, the loss against torch's, and the prior of labels."""

import itertools
import math
from collections import defaultdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqlab.functional.alignment import LabelPrior, ctc_best_path, ctc_loss, ctc_prefix_beam_search, ctc_topology, log_sum

pytestmark = pytest.mark.usefixtures("lattice_code")

BLANK = 0
CASES = {
    "seed": st.integers(0, 2**31),
    "lengths": st.lists(st.integers(0, 4), min_size=1, max_size=3),
    "n_units": st.integers(2, 3),
    "scale": st.sampled_from([0.3, 2.0, 20.0]),
}
PRIOR = LabelPrior.of([[1, 2, 1], [2, 2], [1], []], order=2, n_labels=2)


def drawn(seed: int, lengths: list[int], n_units: int, scale: float) -> tuple[Tensor, Tensor]:
    """Return log-probabilities, NaN at padding, and lengths."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(lengths), max(lengths) + seed % 2, n_units, dtype=torch.float64, generator=generator) * scale
    is_padding = torch.arange(logits.shape[1]) >= torch.tensor(lengths)[:, None]
    return logits.log_softmax(2).masked_fill(is_padding[..., None], math.nan), torch.tensor(lengths)


def spelled(units: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(unit for unit, _ in itertools.groupby(units) if unit != BLANK)


def probabilities(log_probs: Tensor) -> dict[tuple[int, ...], float]:
    """Return the probability of every label sequence that one record can have."""
    found: defaultdict[tuple[int, ...], float] = defaultdict(float)
    rows = log_probs.exp().tolist()
    for units in itertools.product(range(log_probs.shape[1]), repeat=len(rows)):
        found[spelled(units)] += math.prod(row[unit] for row, unit in zip(rows, units, strict=True))
    return found


def prior_score(labels: tuple[int, ...]) -> float:
    steps = (PRIOR.log_prob(labels[:position], label) for position, label in enumerate(labels))
    return sum(steps) + PRIOR.log_prob_end(labels)


def assert_are_all_sequences(log_probs: Tensor, lengths: Tensor, *, weight: float, bonus: float) -> None:
    kinds = {"prior": PRIOR if weight else None, "prior_weight": weight, "insertion_bonus": bonus}
    found = ctc_prefix_beam_search(log_probs, lengths, blank=BLANK, beam_width=200, **kinds)
    for hypotheses, record, length in zip(found, log_probs, lengths.tolist(), strict=True):
        expected = probabilities(record[:length])
        assert {tuple(each.labels) for each in hypotheses} == set(expected)
        for each in hypotheses:
            labels = tuple(each.labels)
            assert each.log_prob == pytest.approx(math.log(expected[labels]), rel=1e-10, abs=1e-10)
            added = weight * prior_score(labels) + bonus * len(labels)
            assert each.score == pytest.approx(math.log(expected[labels]) + added, rel=1e-10, abs=1e-10)
        assert [each.score for each in hypotheses] == sorted((each.score for each in hypotheses), reverse=True)


@settings(max_examples=60)
@given(**CASES, weight=st.sampled_from([0.0, 0.7]), bonus=st.sampled_from([0.0, -0.5]))
def test_a_wide_beam_finds_every_label_sequence_with_its_probability(weight, bonus, **kinds) -> None:
    assert_are_all_sequences(*drawn(**kinds), weight=weight, bonus=bonus)


@pytest.mark.slow
@settings(max_examples=2000)
@given(**CASES, weight=st.sampled_from([0.0, 0.7]), bonus=st.sampled_from([0.0, -0.5]))
def test_2000_wide_beams_find_every_label_sequence(weight, bonus, **kinds) -> None:
    assert_are_all_sequences(*drawn(**kinds), weight=weight, bonus=bonus)


def test_a_narrow_beam_keeps_the_best() -> None:
    log_probs, lengths = drawn(3, [30, 12, 0], 6, 10.0)
    wide = ctc_prefix_beam_search(log_probs, lengths, blank=BLANK, beam_width=100)
    narrow = ctc_prefix_beam_search(log_probs, lengths, blank=BLANK, beam_width=20)
    for few, many, record, length in zip(narrow, wide, log_probs, lengths.tolist(), strict=True):
        assert len(few) == (20 if length else 1)
        assert few[0].labels == many[0].labels
        labels = torch.tensor([many[0].labels], dtype=torch.long)
        topology = ctc_topology(labels, torch.tensor([labels.shape[1]]), blank=BLANK)
        exact = float(log_sum(record[None], torch.tensor([length]), topology))
        assert few[0].log_prob <= many[0].log_prob + 1e-9 <= exact + 2e-9
        assert many[0].log_prob == pytest.approx(exact, abs=1e-3)


def test_a_prior_changes_the_order_of_hypotheses() -> None:
    log_probs = torch.tensor([[[0.1, 0.5, 0.4], [0.1, 0.5, 0.4]]]).log()
    prior = LabelPrior.of([[2]] * 50, order=1, n_labels=2)
    kinds = {"blank": BLANK, "beam_width": 9, "prior": prior}
    assert ctc_prefix_beam_search(log_probs, torch.tensor([2]), **kinds, prior_weight=0.0)[0][0].labels == [1]
    assert ctc_prefix_beam_search(log_probs, torch.tensor([2]), **kinds, prior_weight=1.0)[0][0].labels == [2]


def test_what_is_impossible_is_no_hypothesis() -> None:
    log_probs = torch.tensor([[[-math.inf, 0.0, -math.inf]], [[-math.inf, -math.inf, -math.inf]]])
    certain, none = ctc_prefix_beam_search(log_probs, torch.tensor([1, 1]), blank=BLANK, beam_width=5)
    assert [(each.labels, each.log_prob) for each in certain] == [([1], 0.0)]
    assert none == []
    with pytest.raises(ValueError, match="beam_width is 0; expected at least 1"):
        ctc_prefix_beam_search(log_probs, torch.tensor([1, 1]), blank=BLANK, beam_width=0)


@settings(max_examples=60)
@given(**CASES)
def test_the_best_path_is_the_best_row_of_units(seed, lengths, n_units, scale) -> None:
    log_probs, steps = drawn(seed, lengths, n_units, scale)
    for found, record, length in zip(ctc_best_path(log_probs, steps, blank=BLANK), log_probs, lengths, strict=True):
        rows = record[:length].tolist()
        totals = {
            units: math.fsum(row[unit] for row, unit in zip(rows, units, strict=True))
            for units in itertools.product(range(n_units), repeat=length)
        }
        units = max(totals, key=totals.__getitem__)
        assert found.log_score == pytest.approx(totals[units], rel=1e-12, abs=1e-12)
        assert tuple(found.labels) == spelled(units)
        steps_of_labels = [(start, end, label) for (start, end), label in zip(found.spans, found.labels, strict=True)]
        owners = [next((label for start, end, label in steps_of_labels if start <= t < end), BLANK) for t in range(length)]
        assert tuple(owners) == units


def test_best_path_tells_the_steps_of_repeated_labels() -> None:
    scores = torch.nn.functional.one_hot(torch.tensor([[1, 1, 0, 1, 2, 2, 0]]), 3).float()
    (found,) = ctc_best_path(scores, torch.tensor([7]), blank=BLANK)
    assert found == ([1, 1, 2], [(0, 2), (3, 4), (4, 6)], 7.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_and_gradients_are_those_of_torch_and_of_the_sums(dtype: torch.dtype) -> None:
    logits = torch.randn(5, 12, 6, dtype=dtype, requires_grad=True)
    labels = torch.tensor([[1, 1, 2, 5], [3, 2, -100, 0], [4, 9, -1, -1], [-1, -1, -1, -1], [2, 2, 2, 2]])
    lengths, n_labels = torch.tensor([12, 9, 1, 5, 7]), torch.tensor([4, 2, 1, 0, 4])
    log_probs = logits.log_softmax(2)
    ours = ctc_loss(log_probs, lengths, labels, n_labels, blank=BLANK)
    sums = -log_sum(log_probs, lengths, ctc_topology(labels, n_labels, blank=BLANK))
    theirs = torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1), labels.clamp(0, 5), lengths, n_labels, blank=BLANK, reduction="none"
    )
    assert ours.fits.all()
    weights = torch.arange(1.0, 6.0, dtype=dtype)
    gradients = [torch.autograd.grad(each @ weights, logits, retain_graph=True)[0] for each in (ours.losses, sums, theirs)]
    torch.testing.assert_close(ours.losses, theirs)
    torch.testing.assert_close(sums, theirs)
    torch.testing.assert_close(gradients[0], gradients[2])
    torch.testing.assert_close(gradients[1], gradients[2])


@pytest.mark.parametrize("is_finite", [True, False])
def test_labels_that_do_not_fit_have_no_loss_and_no_gradient(is_finite: bool) -> None:
    """Whether torch's kernel does the sums, or a probability of 0 in another record keeps it from it."""
    logits = torch.randn(5, 3, 4).double()
    if not is_finite:
        logits[0, 0, 3] = -math.inf
    logits.requires_grad_()
    labels, n_labels = torch.tensor([[1, 2, 3], [1, 1, 2], [1, 2, 3], [1, 0, 0], [0, 0, 0]]), torch.tensor([2, 3, 3, 1, 0])
    loss = ctc_loss(logits.log_softmax(2), torch.tensor([3, 3, 2, 0, 0]), labels, n_labels, blank=BLANK)
    assert loss.fits.tolist() == [True, False, False, False, True]
    assert (loss.losses > 0).tolist() == [True, False, False, False, False]
    (gradient,) = torch.autograd.grad(loss.losses.sum(), logits)
    assert gradient.isfinite().all()
    assert gradient.any(2).any(1).tolist() == [True, False, False, False, False]


def test_a_loss_of_labels_with_probability_0_is_left_out() -> None:
    log_probs = torch.tensor([[[0.0, -math.inf]]], requires_grad=True)
    loss = ctc_loss(log_probs, torch.tensor([1]), torch.tensor([[1]]), torch.tensor([1]), blank=BLANK)
    assert (loss.losses.item(), loss.fits.item()) == (0.0, False)
    assert not torch.autograd.grad(loss.losses.sum(), log_probs)[0].any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_losses_are_summed_as_the_numbers_they_are(dtype: torch.dtype) -> None:
    log_probs, lengths = torch.randn(2, 20, 5).log_softmax(2).to(dtype), torch.tensor([20, 9])
    labels = torch.tensor([[1, 2, 2], [4, 3, 0]]), torch.tensor([3, 2])
    low, exact = (ctc_loss(each, lengths, *labels, blank=BLANK).losses for each in (log_probs, log_probs.double()))
    assert low.dtype == torch.float32
    torch.testing.assert_close(low.double(), exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("label", "blank"), [(0, 0), (5, 0), (-1, 0), (4, 4)])
def test_the_labels_of_a_loss_are_checked(label: int, blank: int) -> None:
    labels, lengths = torch.tensor([[3, label]]), torch.tensor([4])
    with pytest.raises(ValueError, match=f"label 1 of record 0 is {label}; expected one of the 5 units but the blank, {blank}"):
        ctc_loss(torch.zeros(1, 4, 5).log_softmax(2), lengths, labels, torch.tensor([2]), blank=blank)


@pytest.mark.parametrize("n_steps", [0, 4])
def test_losses_of_no_labels_and_of_no_steps(n_steps: int) -> None:
    log_probs = torch.zeros(2, n_steps, 5).log_softmax(2)
    loss = ctc_loss(log_probs, torch.tensor([n_steps, 0]), torch.empty(2, 0).long(), torch.tensor([0, 0]), blank=BLANK)
    assert loss.fits.all()
    torch.testing.assert_close(loss.losses, torch.tensor([n_steps * math.log(5), 0.0]))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_prior_is_a_distribution_after_every_history(order: int) -> None:
    prior = LabelPrior.of([[1, 2, 3], [1, 1], [3], []], order=order, n_labels=4)
    for n in range(4):
        for history in itertools.product(range(1, 5), repeat=n):
            total = sum(math.exp(prior.log_prob(history, label)) for label in range(1, 5))
            assert total + math.exp(prior.log_prob_end(history)) == pytest.approx(1.0)


def test_a_prior_is_counted_as_witten_and_bell_do() -> None:
    prior = LabelPrior.of([[1, 2], [1]], order=2, n_labels=2)
    one = (2 + 3 * (1 / 3)) / (5 + 3)  # of 5 labels and ends, 3 different ones, twice 1
    assert prior.log_prob([], 1) == pytest.approx(math.log((2 + one) / (2 + 1)))
    end = (2 + 3 * (1 / 3)) / (5 + 3)
    assert prior.log_prob_end([2, 1]) == pytest.approx(math.log((1 + 2 * end) / (2 + 2)))


def test_what_a_prior_counts_is_checked() -> None:
    with pytest.raises(ValueError, match="order is 0; expected at least 1"):
        LabelPrior.of([[1]], order=0, n_labels=1)
    with pytest.raises(ValueError, match="a label is -1; expected 0 or more"):
        LabelPrior.of([[1, -1]], order=2, n_labels=1)
    with pytest.raises(ValueError, match="n_labels is 1; expected at least the 2 different labels"):
        LabelPrior.of([[1, 2]], order=2, n_labels=1)
