"""Log-probabilities of tags at steps, with gradients, against every path written down."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.functional.linear_chain import Chain, log_marginals, marginals


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    n_tags=st.integers(1, 3),
    scale=st.sampled_from([0.1, 1.0, 10.0, 300.0]),
    forbidden_prob=st.sampled_from([0.0, 0.3, 0.7]),
    forbidden_score=st.sampled_from([-math.inf, -10_000.0]),
    n_padding=st.integers(0, 2),
)
def test_log_marginals_are_those_of_all_paths(enumerated: Callable, random_chain: Callable, seed: int, **kinds: object) -> None:
    chain = random_chain(seed, **kinds)
    found = log_marginals(chain)
    n_steps = chain.emissions.shape[1]
    expected = torch.stack([each.step_marginals(n_steps) for each in enumerated(chain)])
    is_real = chain.mask[..., None].expand_as(expected)
    torch.testing.assert_close(found.exp()[is_real], expected[is_real], rtol=1e-9, atol=1e-9)
    assert (found[~is_real] == 0).all()
    assert (found.isneginf() <= (expected == 0))[is_real].all()


@pytest.fixture
def chain() -> Chain:
    torch.manual_seed(1)
    scores = [torch.randn(3, 4, 3), torch.randn(3, 3), torch.randn(3), torch.randn(3)]
    emissions, transitions, start, end = (score.double() for score in scores)
    return Chain(emissions, torch.tensor([4, 0, 2]), transitions, start, end)


def test_gradients_are_those_of_small_differences(chain: Chain) -> None:
    def found(*scores: torch.Tensor) -> torch.Tensor:
        return log_marginals(Chain(scores[0], chain.lengths, *scores[1:]))

    assert torch.autograd.gradcheck(found, tuple(score.requires_grad_() for score in chain.scores), fast_mode=True)


def test_forbidden_tags_leave_gradients_finite(chain: Chain) -> None:
    transitions, start = chain.transitions.clone(), chain.start.clone()
    transitions[0, 1], start[1:] = -math.inf, -math.inf
    learning = Chain(chain.emissions.requires_grad_(), chain.lengths, transitions, start.requires_grad_(), chain.end)
    logs = log_marginals(learning)
    assert logs[0, 0].isneginf().tolist() == [False, True, True]
    assert logs[0, 1].isneginf().tolist() == [False, True, False]
    torch.testing.assert_close(logs.detach().exp()[0], marginals(learning)[0])
    for gradient in torch.autograd.grad(logs.clamp(min=-60.0).square().sum(), (learning.emissions, learning.start)):
        assert bool(gradient.isfinite().all())


def test_padding_is_never_read(chain: Chain) -> None:
    emissions = chain.emissions.clone()
    emissions[~chain.mask] = math.nan
    dirty = Chain(emissions.requires_grad_(), chain.lengths, chain.transitions, chain.start, chain.end)
    found = log_marginals(dirty)
    assert torch.equal(found.detach(), log_marginals(chain))
    (gradient,) = torch.autograd.grad(found.sum(), emissions)
    assert bool(gradient.isfinite().all())
    assert not gradient[~chain.mask].any()
