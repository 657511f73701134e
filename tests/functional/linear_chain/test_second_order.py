"""The second-order chain against every path written down."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqlab.functional import linear_chain
from seqlab.functional.linear_chain import Chain
from seqlab.functional.linear_chain.second_order import (
    SecondOrderChain,
    best_paths,
    entropy,
    log_partition,
    marginals,
    negative_log_likelihood,
    path_score,
    sample,
    viterbi,
)

CASES = {
    "seed": st.integers(0, 2**31),
    "lengths": st.lists(st.integers(0, 4), min_size=1, max_size=4),
    "n_tags": st.integers(1, 3),
    "scale": st.sampled_from([0.1, 1.0, 10.0, 300.0]),
    "forbidden_prob": st.sampled_from([0.0, 0.3, 0.6]),
    "forbidden_score": st.sampled_from([-math.inf, -10_000.0]),
    "n_padding": st.integers(0, 2),
}
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


@pytest.fixture(scope="session")
def random_second_order(random_chain) -> Callable[..., SecondOrderChain]:
    """Return the function that draws a second-order chain of a seed."""

    def draw(seed: int, **kinds) -> SecondOrderChain:
        chain = random_chain(seed, **kinds)
        generator = torch.Generator().manual_seed(seed + 1)
        shape = (len(chain.start),) * 3
        is_forbidden = torch.rand(shape, generator=generator) < kinds.get("forbidden_prob", 0.0) / 2
        triples = torch.randn(shape, dtype=torch.float64, generator=generator) * kinds.get("scale", 1.0)
        triples = triples.masked_fill(is_forbidden, kinds.get("forbidden_score", -math.inf))
        return SecondOrderChain(chain, triples.to(kinds.get("dtype", torch.float64)))

    return draw


def all_scores(chain: SecondOrderChain) -> list[Tensor]:
    return [*chain.chain.scores, chain.triples]


def leaves(chain: SecondOrderChain) -> SecondOrderChain:
    emissions, transitions, start, end, triples = (scores.clone().requires_grad_() for scores in all_scores(chain))
    return SecondOrderChain(Chain(emissions, chain.chain.lengths, transitions, start, end), triples)


def enumerated(chain: SecondOrderChain, record: int) -> tuple[list[tuple[int, ...]], Tensor]:
    """Return every path of a record, and their scores by the definition."""
    first = chain.chain
    paths = list(itertools.product(range(chain.n_tags), repeat=int(first.lengths[record])))
    scores = []
    for path in paths:
        parts = [first.emissions[record, t, tag] for t, tag in enumerate(path)]
        parts += [first.transitions[pair] for pair in itertools.pairwise(path)]
        parts += [chain.triples[three] for three in zip(path, path[1:], path[2:], strict=False)]
        parts += [first.start[path[0]], first.end[path[-1]]] if path else []
        scores.append(sum(parts, first.start.new_zeros(())))
    return paths, torch.stack(scores)


def assert_is_enumeration(chain: SecondOrderChain) -> None:
    steps = marginals(chain)
    best, best_scores = viterbi(chain)
    entropies, (several, several_scores) = entropy(chain), best_paths(chain, 3)
    for record, found in enumerate(log_partition(chain)):
        paths, scores = enumerated(chain, record)
        total = scores.logsumexp(0)
        torch.testing.assert_close(found, total, **CLOSE)
        torch.testing.assert_close(best_scores[record], scores.max(), **CLOSE)
        ranked = torch.nn.functional.pad(scores, (0, 3), value=-math.inf).topk(3).values
        torch.testing.assert_close(several_scores[record], ranked, **CLOSE)
        expected = torch.zeros_like(steps[record])
        if total == -math.inf:
            assert entropies[record].isnan()
        else:
            probs, length = scores.softmax(0), int(chain.chain.lengths[record])
            for path, prob in zip(paths, probs, strict=True):
                for t, tag in enumerate(path):
                    expected[t, tag] += prob
            torch.testing.assert_close(scores[paths.index(tuple(best[record, :length].tolist()))], scores.max(), **CLOSE)
            listed = [tuple(path) for path in several[record, : int((ranked > -math.inf).sum()), :length].tolist()]
            assert len(set(listed)) == len(listed)
            own = torch.stack([scores[paths.index(path)] for path in listed])
            torch.testing.assert_close(own, ranked[: len(listed)], **CLOSE)
            torch.testing.assert_close(entropies[record], torch.special.entr(probs).sum(), rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(steps[record], expected, **CLOSE)


@settings(max_examples=50)
@given(**CASES)
def test_quantities_are_those_of_all_paths(random_second_order, seed, **kinds) -> None:
    assert_is_enumeration(random_second_order(seed, **kinds))


@pytest.mark.slow
@settings(max_examples=2000)
@given(**CASES)
def test_2000_chains_are_those_of_all_paths(random_second_order, seed, **kinds) -> None:
    assert_is_enumeration(random_second_order(seed, **kinds))


@settings(max_examples=20)
@given(**CASES)
def test_losses_and_gradients_are_those_of_all_paths(random_second_order, seed, **kinds) -> None:
    chain = leaves(random_second_order(seed, **kinds))
    tags = torch.randint(chain.n_tags, chain.chain.mask.shape, generator=torch.Generator().manual_seed(seed))
    garbage = tags.masked_fill(~chain.chain.mask, -100)
    losses, own_scores = negative_log_likelihood(chain, garbage), path_score(chain, garbage)
    unused = sum(scores.nan_to_num(neginf=0.0).sum() * 0.0 for scores in all_scores(chain))
    found, expected = unused, unused
    for record, length in enumerate(chain.chain.lengths.tolist()):
        paths, scores = enumerated(chain, record)
        own = scores[paths.index(tuple(tags[record, :length].tolist()))]
        torch.testing.assert_close(own_scores[record], own, **CLOSE)
        if own == -math.inf:
            assert losses[record] == math.inf
            continue
        loss = scores.logsumexp(0) - own
        torch.testing.assert_close(losses[record], loss, rtol=1e-9, atol=1e-8)
        found, expected = found + losses[record] * (record + 1), expected + loss * (record + 1)
    ours = torch.autograd.grad(found, all_scores(chain), retain_graph=True)
    torch.testing.assert_close(ours, torch.autograd.grad(expected, all_scores(chain)), rtol=1e-8, atol=1e-8)


def test_without_triples_it_is_the_linear_chain(random_chain) -> None:
    chain = random_chain(0, lengths=[6, 0, 1, 4], n_tags=3, forbidden_prob=0.1)
    second = SecondOrderChain(chain, torch.zeros(3, 3, 3))
    torch.testing.assert_close(log_partition(second), linear_chain.log_partition(chain), **CLOSE)
    torch.testing.assert_close(marginals(second), linear_chain.marginals(chain), **CLOSE)
    torch.testing.assert_close(entropy(second), linear_chain.entropy(chain), **CLOSE)
    assert torch.equal(viterbi(second)[0], linear_chain.viterbi(chain)[0])


def test_samples_come_as_often_as_their_probabilities_say(random_second_order) -> None:
    """Each path's count is within five standard deviations of what its probability lets expect."""
    chain, n = random_second_order(3, lengths=[3, 1], n_tags=2), 5_000
    drawn = sample(chain, n, generator=torch.Generator().manual_seed(0))
    for record, length in enumerate([3, 1]):
        paths, scores = enumerated(chain, record)
        for path, prob in zip(paths, scores.softmax(0).tolist(), strict=True):
            count = int((drawn[record, :, :length] == torch.tensor(path)).all(1).sum())
            assert abs(count - n * prob) <= 5 * math.sqrt(n * prob * (1 - prob))


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf])
def test_padding_and_batch_mates_change_nothing(random_second_order, garbage: float) -> None:
    chain = leaves(random_second_order(1, lengths=[5, 2, 0], n_tags=3))
    emissions = chain.chain.emissions.masked_fill(~chain.chain.mask[..., None], garbage)
    padded = SecondOrderChain(Chain(emissions, chain.chain.lengths, *chain.chain.scores[1:]), chain.triples)
    torch.testing.assert_close(log_partition(padded), log_partition(chain))
    for found, expected in zip(
        torch.autograd.grad(log_partition(padded).sum(), all_scores(chain)),
        torch.autograd.grad(log_partition(chain).sum(), all_scores(chain)),
        strict=True,
    ):
        torch.testing.assert_close(found, expected)
    alone = SecondOrderChain(chain.chain.select(torch.tensor([1])), chain.triples)
    torch.testing.assert_close(log_partition(alone)[0], log_partition(padded)[1])
    assert torch.equal(viterbi(alone)[0][0], viterbi(padded)[0][1, :2])


def test_low_precision_scores_are_summed_as_the_numbers_they_are(random_second_order) -> None:
    low = leaves(random_second_order(2, lengths=[30, 7], n_tags=3, dtype=torch.bfloat16))
    emissions, transitions, start, end, triples = (scores.detach().double() for scores in all_scores(low))
    exact = leaves(SecondOrderChain(Chain(emissions, low.chain.lengths, transitions, start, end), triples))
    assert log_partition(low).dtype == torch.float32
    torch.testing.assert_close(log_partition(low).double(), log_partition(exact), rtol=1e-6, atol=0.0)
    for found, expected in zip(
        torch.autograd.grad(log_partition(low).sum(), all_scores(low)),
        torch.autograd.grad(log_partition(exact).sum(), all_scores(exact)),
        strict=True,
    ):
        torch.testing.assert_close(found, expected.bfloat16())


def test_a_batch_without_steps_has_only_empty_paths() -> None:
    chain = Chain(torch.zeros(2, 0, 2), torch.zeros(2).long(), torch.ones(2, 2), torch.ones(2), torch.ones(2))
    second = SecondOrderChain(chain, torch.ones(2, 2, 2))
    tags = torch.zeros(2, 0).long()
    assert log_partition(second).tolist() == negative_log_likelihood(second, tags).tolist() == [0.0, 0.0]
    assert viterbi(second)[0].shape == (2, 0)
    assert marginals(second).shape == (2, 0, 2)
