"""Alignments where sums go wrong: padding, batch-mates, extreme scores, low precision, long records."""

import math

import pytest
import torch
from torch import Tensor

from seqlab.functional.alignment import (
    Topology,
    best_alignment,
    ctc_loss,
    ctc_topology,
    hmm_topology,
    log_sum,
    posteriors,
    unit_posteriors,
)

pytestmark = pytest.mark.usefixtures("lattice_code")

LABELS = torch.tensor([[1, 1, 2], [2, -1, -1], [-1, -1, -1], [1, 2, 1]])
N_LABELS = torch.tensor([3, 1, 0, 3])
LENGTHS = torch.tensor([8, 5, 2, 2])


def learn(scores: Tensor, lengths: Tensor, topology: Topology) -> tuple[Tensor, Tensor]:
    """Return the sums, and the gradient of their total."""
    scores = scores.detach().clone().requires_grad_()
    sums = log_sum(scores, lengths, topology)
    return sums.detach(), torch.autograd.grad(sums.sum(), scores)[0]


def topology_of(kind: str, labels: Tensor = LABELS, n_labels: Tensor = N_LABELS) -> Topology:
    if kind == "ctc":
        return ctc_topology(labels, n_labels, blank=0)
    return hmm_topology(labels, n_labels, states_per_label=3, can_skip=True, silence=0)


@pytest.mark.parametrize("kind", ["ctc", "hmm"])
@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf, 1e30])
def test_padding_changes_nothing(kind: str, garbage: float) -> None:
    scores, topology = torch.randn(4, 8, 9).double(), topology_of(kind)
    is_padding = torch.arange(11) >= LENGTHS[:, None]
    padded = torch.nn.functional.pad(scores, (0, 0, 0, 3)).masked_fill(is_padding[..., None], garbage)
    expected, found = learn(scores, LENGTHS, topology), learn(padded, LENGTHS, topology)
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1][:, :8], expected[1])
    assert not found[1][is_padding].any()
    assert torch.equal(best_alignment(padded, LENGTHS, topology)[1][:, :8], best_alignment(scores, LENGTHS, topology)[1])


@pytest.mark.parametrize("kind", ["ctc", "hmm"])
def test_batch_mates_change_nothing(kind: str) -> None:
    scores = torch.randn(4, 8, 9).double()
    sums, gradients = learn(scores, LENGTHS, topology_of(kind))
    best = best_alignment(scores, LENGTHS, topology_of(kind))
    for record, (length, n_labels) in enumerate(zip(LENGTHS.tolist(), N_LABELS.tolist(), strict=True)):
        one = slice(record, record + 1)
        alone = topology_of(kind, LABELS[one, :n_labels], N_LABELS[one])
        lengths = LENGTHS[one]
        found_sums, found_gradients = learn(scores[one, :length], lengths, alone)
        torch.testing.assert_close(found_sums, sums[one], rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(found_gradients, gradients[one, :length], rtol=1e-13, atol=1e-13)
        assert torch.equal(best_alignment(scores[one, :length], lengths, alone)[1], best[1][one, :length])


@pytest.mark.parametrize("garbage", [math.nan, math.inf])
def test_padding_changes_no_loss_of_torch(garbage: float) -> None:
    log_probs = torch.randn(4, 8, 9).log_softmax(2)
    padded = log_probs.masked_fill((torch.arange(8) >= LENGTHS[:, None])[..., None], garbage).requires_grad_()
    expected = ctc_loss(log_probs, LENGTHS, LABELS, N_LABELS, blank=0)
    found = ctc_loss(padded, LENGTHS, LABELS, N_LABELS, blank=0)
    assert torch.equal(found.losses.detach(), expected.losses)
    assert found.fits.tolist() == expected.fits.tolist() == [True, True, True, False]
    assert torch.autograd.grad(found.losses.sum(), padded)[0].isfinite().all()


@pytest.mark.parametrize("lowest", [-1e4, -1e30, -1e300, -math.inf])
def test_very_low_scores_are_summed_exactly(lowest: float) -> None:
    """Two steps, one label: (blank, 1), (1, blank) and (1, 1), all but the last through a low score."""
    scores = torch.tensor([[[lowest, -1.0], [lowest, -2.0]]]).double()
    given = scores, torch.tensor([2]), ctc_topology(torch.tensor([[1]]), torch.tensor([1]), blank=0)
    sums, gradient = learn(*given)
    assert sums.tolist() == [-3.0]
    assert gradient.tolist() == [[[0.0, 1.0], [0.0, 1.0]]]
    assert best_alignment(*given)[1].tolist() == [[1, 1]]
    all_low = torch.full((1, 2, 2), lowest, dtype=torch.float64)
    sums, gradient = learn(all_low, *given[1:])
    assert sums.item() == pytest.approx(2 * lowest + math.log(3) if lowest > -math.inf else lowest, rel=1e-15)
    expected = (
        torch.tensor([[[1 / 3, 2 / 3]] * 2], dtype=torch.float64) if lowest > -math.inf else torch.zeros(1, 2, 2).double()
    )
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-10)


def test_records_that_do_not_fit_have_a_gradient_of_0_whatever_comes_back() -> None:
    scores = torch.randn(4, 8, 9).double().requires_grad_()
    sums = log_sum(scores, LENGTHS, topology_of("ctc"))
    assert sums.isfinite().tolist() == [True, True, True, False]
    (gradient,) = torch.autograd.grad(sums, scores, torch.tensor([1.0, 1.0, 1.0, math.nan]).double())
    assert not gradient[3].any()
    assert gradient.isfinite().all()
    assert not posteriors(scores, LENGTHS, topology_of("ctc"))[3].any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("n_steps", [50, pytest.param(10_000, marks=pytest.mark.slow)])
def test_low_precision_stays_near_float32(dtype: torch.dtype, n_steps: int) -> None:
    scores, lengths = torch.randn(2, n_steps, 9).log_softmax(2), torch.tensor([n_steps, n_steps // 2])
    topology = topology_of("hmm", LABELS[:2], N_LABELS[:2])
    sums, low = log_sum(scores, lengths, topology), log_sum(scores.to(dtype), lengths, topology)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, sums, rtol=1e-3, atol=0.0)
    exact = scores.to(dtype).float()
    torch.testing.assert_close(low, log_sum(exact, lengths, topology), rtol=1e-6, atol=0.0)
    _, gradient = learn(scores.to(dtype), lengths, topology)
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient, learn(exact, lengths, topology)[1].to(dtype))
    totals = unit_posteriors(scores, lengths, topology).sum(2)
    torch.testing.assert_close(totals, (torch.arange(n_steps) < lengths[:, None]).float())


def test_autocast_changes_nothing() -> None:
    scores = torch.randn(4, 8, 9)
    expected = learn(scores, LENGTHS, topology_of("hmm"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = learn(scores, LENGTHS, topology_of("hmm"))
    assert all(map(torch.equal, found, expected))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_finds_the_same() -> None:
    scores = torch.randn(4, 8, 9).double()
    on_gpu = scores.cuda(), LENGTHS.cuda(), topology_of("ctc", LABELS.cuda(), N_LABELS.cuda())
    expected, found = learn(scores, LENGTHS, topology_of("ctc")), learn(*on_gpu)
    torch.testing.assert_close([each.cpu() for each in found], list(expected))
    assert torch.equal(best_alignment(*on_gpu)[1].cpu(), best_alignment(scores, LENGTHS, topology_of("ctc"))[1])


def test_no_gradient_is_kept_where_none_is_asked_for() -> None:
    scores = torch.randn(4, 8, 9, requires_grad=True)
    given = scores, LENGTHS, topology_of("ctc")
    assert log_sum(*given).requires_grad
    assert not posteriors(*given).requires_grad
    assert not best_alignment(*given)[0].requires_grad
    with torch.no_grad():
        assert not log_sum(*given).requires_grad
