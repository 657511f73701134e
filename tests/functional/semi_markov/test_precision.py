"""The semi-Markov model where numbers are too large, too many, or of little precision."""

import math

import pytest
import torch

from seqlab.functional.semi_markov import Segments, SemiMarkov, entropy, log_partition, marginals, negative_log_likelihood


def cast(model: SemiMarkov, dtype: torch.dtype) -> SemiMarkov:
    scores, *others = (each.to(dtype) for each in model.all_scores)
    return SemiMarkov(scores, model.lengths, *others)


def test_very_negative_scores_are_scores() -> None:
    """Where every segmentation must take a transition of -10,000, the partition and the gradient count it."""
    model = SemiMarkov(
        scores=torch.zeros(1, 4, 2, 1).double(),
        lengths=torch.tensor([4]),
        transitions=torch.tensor([[-10_000.0]]).double().requires_grad_(),
        start=torch.zeros(1).double(),
        end=torch.zeros(1).double(),
    )
    values = log_partition(model)
    assert values.item() == -10_000.0
    assert torch.autograd.grad(values.sum(), model.transitions)[0].item() == 1.0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_low_precision_scores_are_summed_as_the_numbers_they_are(random_semi_markov, cut, learn, dtype: torch.dtype) -> None:
    low = cast(random_semi_markov(5, lengths=[200, 7], max_length=4, n_labels=2), dtype)
    segments = Segments.of(cut(low, 3))
    losses, gradients = learn(low, segments)
    assert losses.dtype == log_partition(low).dtype == marginals(low).dtype == torch.float32
    same_losses, same_gradients = learn(cast(low, torch.float64), segments)
    torch.testing.assert_close(losses.double(), same_losses, rtol=1e-6, atol=0.0)
    for found, expected in zip(gradients, same_gradients, strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected.to(dtype))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_long_records_lose_nothing_in_low_precision(random_semi_markov, cut, dtype: torch.dtype) -> None:
    low = cast(random_semi_markov(5, lengths=[3_000, 7], max_length=4, n_labels=2), dtype)
    single, segments = cast(low, torch.float32), Segments.of(cut(low, 3))
    expected = negative_log_likelihood(single, segments)
    torch.testing.assert_close(negative_log_likelihood(low, segments), expected, rtol=1e-6, atol=0.0)
    assert (expected > 1_000).tolist() == [True, False]


@pytest.mark.slow
def test_long_records_are_summed_exactly() -> None:
    """Of n steps in segments of one or two there are as many as the Fibonacci number of n + 1."""
    n_steps = 3_000
    model = SemiMarkov(
        torch.zeros(1, n_steps, 2, 1), torch.tensor([n_steps]), torch.zeros(1, 1), torch.zeros(1), torch.zeros(1)
    )
    golden = (1 + math.sqrt(5)) / 2
    expected = (n_steps + 1) * math.log(golden) - math.log(5) / 2
    exact = SemiMarkov(model.scores.double(), model.lengths, *(each.double() for each in model.all_scores[1:]))
    torch.testing.assert_close(log_partition(exact)[0].item(), expected, rtol=1e-12, atol=0.0)
    # In the middle, a step ends a segment of one step, or of two, as often as golden**-1 and golden**-2 have it.
    share = golden / math.sqrt(5)
    middle = torch.tensor([share / golden, share / golden**2], dtype=torch.float64)
    torch.testing.assert_close(marginals(exact)[0, n_steps // 2, :, 0], middle, rtol=1e-12, atol=0.0)


def test_autocast_changes_nothing(random_semi_markov, cut, learn) -> None:
    model = cast(random_semi_markov(6, lengths=[9, 4, 0], max_length=3, n_labels=3, scale=5.0), torch.float32)
    segments = Segments.of(cut(model, 2))
    expected, expected_gradients = learn(model, segments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses, gradients = learn(model, segments)
        of_autocast = entropy(model)
    assert torch.equal(losses, expected)
    assert all(map(torch.equal, gradients, expected_gradients))
    assert torch.equal(of_autocast, entropy(model))
