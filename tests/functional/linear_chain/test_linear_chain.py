"""The linear chain against every path written down."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqlab.functional.linear_chain import (
    Chain,
    best_paths,
    entropy,
    log_partition,
    marginals,
    negative_log_likelihood,
    partial_negative_log_likelihood,
    path_score,
    sample,
    viterbi,
)

pytestmark = pytest.mark.usefixtures("lattice_code")

CASES = {
    "seed": st.integers(0, 2**31),
    "lengths": st.lists(st.integers(0, 4), min_size=1, max_size=4),
    "n_tags": st.integers(1, 3),
    "scale": st.sampled_from([0.1, 1.0, 10.0, 100.0, 300.0, 10_000.0]),
    "forbidden_prob": st.sampled_from([0.0, 0.3, 0.7]),
    "forbidden_score": st.sampled_from([-math.inf, -10_000.0, -300.0]),
    "n_padding": st.integers(0, 2),
}


def leaves(chain: Chain) -> Chain:
    """Return the same chain with scores that gather gradients."""
    emissions, transitions, start, end = (scores.clone().requires_grad_() for scores in chain.scores)
    return Chain(emissions, chain.lengths, transitions, start, end)


def gradients(values: Tensor, chain: Chain, weights: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad((values * weights).sum(), chain.scores)


def assert_is_enumeration(chain: Chain, enumerated: Callable) -> None:
    expected = enumerated(chain)
    close = {"rtol": 1e-12, "atol": 1e-10}
    torch.testing.assert_close(log_partition(chain), torch.stack([each.log_partition for each in expected]), **close)
    n_steps = chain.emissions.shape[1]
    steps = torch.stack([each.step_marginals(n_steps) for each in expected])
    torch.testing.assert_close(marginals(chain), steps, **close)

    weights = torch.arange(1.0, len(expected) + 1, dtype=torch.float64)
    learning = leaves(chain)
    values = log_partition(learning)
    torch.testing.assert_close(values.detach(), log_partition(chain), **close)
    found = gradients(values.nan_to_num(neginf=0.0), learning, weights)
    edges = sum(weight * each.edge_counts() for weight, each in zip(weights, expected, strict=True))
    torch.testing.assert_close(found[0], steps * weights[:, None, None], **close)
    torch.testing.assert_close(found[1], edges, **close)
    lasts = [steps[record, length - 1] * weights[record] for record, length in enumerate(chain.lengths) if length]
    torch.testing.assert_close(found[2], (steps * weights[:, None, None])[:, :1].sum((0, 1)), **close)
    torch.testing.assert_close(found[3], sum(lasts, torch.zeros_like(chain.end)), **close)


def assert_is_best(chain: Chain, enumerated: Callable) -> None:
    tags, scores = viterbi(chain)
    assert tags.shape == chain.emissions.shape[:2]
    assert (tags[~chain.mask] == 0).all()
    for record, expected in enumerate(enumerated(chain)):
        best = expected.scores.max()
        torch.testing.assert_close(scores[record], best, rtol=1e-12, atol=1e-10)
        path = tags[record, : chain.lengths[record]]
        torch.testing.assert_close(expected.score_of(path), best, rtol=1e-12, atol=1e-10)


def assert_are_best(chain: Chain, enumerated: Callable, n: int) -> None:
    paths, scores = best_paths(chain, n)
    assert paths.shape == (len(chain.lengths), n, chain.emissions.shape[1])
    for record, expected in enumerate(enumerated(chain)):
        length = int(chain.lengths[record])
        ranked = expected.scores.sort(descending=True).values[:n]
        allowed = ranked[ranked > -math.inf]
        torch.testing.assert_close(scores[record, : len(allowed)], allowed, rtol=1e-12, atol=1e-10)
        assert (scores[record, len(allowed) :] == -math.inf).all()
        assert not paths[record, : len(allowed), length:].any()
        found = paths[record, : len(allowed), :length]
        assert len(set(map(tuple, found.tolist()))) == len(allowed)
        for path, score in zip(found, scores[record], strict=False):
            torch.testing.assert_close(expected.score_of(path), score, rtol=1e-12, atol=1e-10)


def assert_is_entropy(chain: Chain, enumerated: Callable) -> None:
    for found, expected in zip(entropy(chain), enumerated(chain), strict=True):
        if expected.log_partition == -math.inf:
            assert math.isnan(found)
        else:
            torch.testing.assert_close(found, torch.special.entr(expected.probabilities).sum(), rtol=1e-8, atol=1e-10)


@settings(max_examples=40)
@given(**CASES, n=st.integers(1, 30))
def test_best_paths_are_the_best_of_all_paths(enumerated, random_chain, seed, n, **kinds) -> None:
    assert_are_best(random_chain(seed, **kinds), enumerated, n)


@settings(max_examples=40)
@given(**CASES)
def test_entropy_is_that_of_all_paths(enumerated, random_chain, seed, **kinds) -> None:
    assert_is_entropy(random_chain(seed, **kinds), enumerated)


def test_the_first_of_the_best_paths_is_that_of_viterbi(random_chain) -> None:
    chain = random_chain(3, lengths=[9, 0, 1, 5], n_tags=4)
    tags, scores = viterbi(chain)
    paths, several = best_paths(chain, 3)
    assert torch.equal(paths[:, 0], tags)
    torch.testing.assert_close(several[:, 0], scores)


def test_paths_are_asked_for_by_a_number(random_chain) -> None:
    with pytest.raises(ValueError, match="n is 0; expected at least 1"):
        best_paths(random_chain(0, lengths=[2], n_tags=2), 0)


@pytest.mark.parametrize("seed", range(5))
def test_samples_come_as_often_as_their_probabilities_say(enumerated, random_chain, seed) -> None:
    """Each path's count is within five standard deviations of what its probability lets expect."""
    chain = random_chain(seed, lengths=[3, 0, 1, 2], n_tags=3, scale=1.0, forbidden_prob=0.2)
    n = 20_000
    drawn = sample(chain, n, generator=torch.Generator().manual_seed(seed))
    for record, expected in enumerate(enumerated(chain)):
        length = int(chain.lengths[record])
        assert not drawn[record, :, length:].any()
        if not length or expected.log_partition == -math.inf:
            continue
        for path, prob in zip(expected.paths, expected.probabilities.tolist(), strict=True):
            count = int((drawn[record, :, :length] == path).all(1).sum())
            assert abs(count - n * prob) <= 5 * math.sqrt(n * prob * (1 - prob)) + 1e-9 * n


def test_the_same_seed_draws_the_same_samples(random_chain) -> None:
    chain = random_chain(1, lengths=[4, 2], n_tags=3)
    first, second = (sample(chain, 10, generator=torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(first, second)


def test_where_no_path_is_allowed_nothing_is_drawn() -> None:
    shut = Chain(
        emissions=torch.full((1, 2, 2), -math.inf),
        lengths=torch.tensor([2]),
        transitions=torch.zeros(2, 2),
        start=torch.zeros(2),
        end=torch.zeros(2),
    )
    assert not sample(shut, 5).any()
    assert math.isnan(entropy(shut)[0])
    assert (best_paths(shut, 2)[1] == -math.inf).all()


@settings(max_examples=40)
@given(**CASES)
def test_log_partition_and_marginals_are_those_of_all_paths(enumerated, random_chain, seed, **kinds) -> None:
    assert_is_enumeration(random_chain(seed, **kinds), enumerated)


@settings(max_examples=40)
@given(**CASES)
def test_viterbi_finds_the_best_of_all_paths(enumerated, random_chain, seed, **kinds) -> None:
    assert_is_best(random_chain(seed, **kinds), enumerated)


@pytest.mark.slow
@settings(max_examples=2000)
@given(**CASES)
def test_2000_chains_are_those_of_all_paths(enumerated, random_chain, seed, **kinds) -> None:
    chain = random_chain(seed, **kinds)
    assert_is_enumeration(chain, enumerated)
    assert_is_best(chain, enumerated)
    assert_are_best(chain, enumerated, 4)
    assert_is_entropy(chain, enumerated)


@settings(max_examples=40)
@given(**CASES, tag_seed=st.integers(0, 2**31))
def test_path_score_is_that_of_the_path(enumerated, random_chain, seed, tag_seed, **kinds) -> None:
    chain = random_chain(seed, **kinds)
    tags = torch.randint(kinds["n_tags"], chain.mask.shape, generator=torch.Generator().manual_seed(tag_seed))
    scores = path_score(chain, tags.masked_fill(~chain.mask, -100))
    losses = negative_log_likelihood(chain, tags.masked_fill(~chain.mask, -100))
    for record, expected in enumerate(enumerated(chain)):
        score = expected.score_of(tags[record, : chain.lengths[record]])
        torch.testing.assert_close(scores[record], score, rtol=1e-12, atol=1e-10)
        loss = torch.tensor(math.inf).double() if score == -math.inf else expected.log_partition - score
        torch.testing.assert_close(losses[record], loss, rtol=1e-9, atol=1e-8)


@settings(max_examples=40)
@given(**CASES, allowed_prob=st.sampled_from([0.2, 0.6, 1.0]))
def test_partial_loss_is_that_of_the_allowed_paths(enumerated, random_chain, seed, allowed_prob, **kinds) -> None:
    chain = random_chain(seed, **kinds)
    allowed = torch.rand(chain.emissions.shape, generator=torch.Generator().manual_seed(seed)) < allowed_prob
    losses = partial_negative_log_likelihood(chain, allowed)
    for record, expected in enumerate(enumerated(chain)):
        is_kept = torch.ones_like(expected.scores, dtype=torch.bool)
        for t, tags in enumerate(expected.paths.T):
            is_kept &= allowed[record, t, tags]
        kept = expected.scores.masked_fill(~is_kept, -math.inf).logsumexp(0)
        loss = torch.tensor(math.inf).double() if kept == -math.inf else expected.log_partition - kept
        torch.testing.assert_close(losses[record], loss, rtol=1e-9, atol=1e-8)


def test_partial_loss_of_a_fully_annotated_record_is_the_loss(random_chain) -> None:
    chain = leaves(random_chain(0, lengths=[5, 3, 1, 0], n_tags=4))
    tags = torch.randint(4, (4, 5))
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0]).double()
    partial = partial_negative_log_likelihood(chain, torch.nn.functional.one_hot(tags, 4).bool())
    full = negative_log_likelihood(chain, tags)
    torch.testing.assert_close(partial, full)
    torch.testing.assert_close(gradients(partial, chain, weights), gradients(full, chain, weights))


def test_partial_loss_of_an_unannotated_record_is_0(random_chain) -> None:
    chain = leaves(random_chain(1, lengths=[5, 3], n_tags=4))
    losses = partial_negative_log_likelihood(chain, torch.ones(2, 5, 4, dtype=torch.bool))
    torch.testing.assert_close(losses, torch.zeros(2).double())
    for gradient in gradients(losses, chain, torch.ones(2)):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("lengths", [[4, 4], [4, 1, 2], [1], [0, 3]])
def test_gradients_are_those_of_finite_differences(random_chain, lengths: list[int]) -> None:
    chain = random_chain(2, lengths=lengths, n_tags=3)
    tags = torch.randint(3, (len(lengths), max(lengths)))

    def loss(*scores: Tensor) -> Tensor:
        emissions, transitions, start, end = scores
        return negative_log_likelihood(Chain(emissions, chain.lengths, transitions, start, end), tags)

    assert torch.autograd.gradcheck(loss, leaves(chain).scores, fast_mode=True)


@settings(max_examples=40)
@given(**CASES)
def test_fused_loss_has_the_gradient_of_its_parts(random_chain, seed, **kinds) -> None:
    chain = leaves(random_chain(seed, **kinds))
    tags = torch.randint(kinds["n_tags"], chain.mask.shape, generator=torch.Generator().manual_seed(seed))
    weights = torch.arange(1.0, len(chain.lengths) + 1).double()
    fused = gradients(negative_log_likelihood(chain, tags), chain, weights)
    total = gradients(log_partition(chain), chain, weights)
    path = gradients(path_score(chain, tags), chain, weights)
    for loss, expected, observed in zip(fused, total, path, strict=True):
        torch.testing.assert_close(loss, expected - observed, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2), (2, 3, 2)])
def test_a_batch_without_steps_has_only_empty_paths(shape: tuple[int, int, int]) -> None:
    emissions = torch.full(shape, math.nan)
    chain = leaves(Chain(emissions, torch.zeros(shape[0]).long(), torch.ones(2, 2), torch.ones(2), torch.ones(2)))
    tags = torch.zeros(shape[:2]).long()
    values = negative_log_likelihood(chain, tags)
    assert torch.equal(values, torch.zeros(shape[0]))
    assert torch.equal(path_score(chain, tags), torch.zeros(shape[0]))
    assert torch.equal(log_partition(chain), torch.zeros(shape[0]))
    assert torch.equal(marginals(chain), torch.zeros(shape))
    assert torch.equal(viterbi(chain)[0], tags)
    assert torch.equal(viterbi(chain)[1], torch.zeros(shape[0]))
    for gradient, scores in zip(gradients(values, chain, torch.ones(shape[0])), chain.scores, strict=True):
        assert torch.equal(gradient, torch.zeros_like(scores))


def test_no_allowed_path_gives_minus_inf_and_gradients_of_0(random_chain) -> None:
    # Tag 0 alone may start, and may only stay; it may not end. A record of one step has no way out either.
    chain = random_chain(3, lengths=[3, 1, 0], n_tags=2)
    chain.start[1] = chain.transitions[0, 1] = chain.end[0] = -math.inf
    chain = leaves(chain)
    values = log_partition(chain)
    assert values.tolist() == [-math.inf, -math.inf, 0.0]
    assert viterbi(chain)[1].tolist() == [-math.inf, -math.inf, 0.0]
    assert not marginals(chain).any()
    for gradient in torch.autograd.grad(values.sum(), chain.scores):
        assert not gradient.any()
    losses = negative_log_likelihood(chain, torch.zeros(3, 3).long())
    assert losses.tolist() == [math.inf, math.inf, 0.0]
    for gradient in torch.autograd.grad(losses.sum(), chain.scores):
        assert gradient.isfinite().all()


def test_viterbi_takes_the_smaller_tag_of_equal_ones() -> None:
    chain = Chain(torch.zeros(1, 4, 3), torch.tensor([4]), torch.zeros(3, 3), torch.zeros(3), torch.zeros(3))
    assert viterbi(chain)[0].tolist() == [[0, 0, 0, 0]]
