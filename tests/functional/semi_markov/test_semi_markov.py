"""The semi-Markov model against every segmentation written down."""

import itertools
import math
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqlab.functional.semi_markov import (
    Segmentation,
    Segments,
    SemiMarkov,
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
    "max_length": st.integers(1, 5),
    "n_labels": st.integers(1, 3),
    "scale": st.sampled_from([0.1, 1.0, 10.0, 100.0, 10_000.0]),
    "forbidden_prob": st.sampled_from([0.0, 0.2, 0.5]),
    "forbidden_score": st.sampled_from([-math.inf, -10_000.0, -300.0]),
    "n_padding": st.integers(0, 2),
}
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


@cache
def all_segmentations(n_steps: int, max_length: int, n_labels: int) -> list[Segmentation]:
    """Return every way to cut `n_steps` and to label the pieces."""

    def from_step(begin: int) -> Iterator[Segmentation]:
        if begin == n_steps:
            yield []
        for end in range(begin + 1, min(begin + max_length, n_steps) + 1):
            for label in range(n_labels):
                yield from ([(begin, end, label), *rest] for rest in from_step(end))

    return list(from_step(0))


def score_of(model: SemiMarkov, record: int, segments: Segmentation) -> float:
    """Return the score by its definition."""
    if not segments:
        return 0.0
    labels = [label for _, _, label in segments]
    parts = [model.scores[record, end - 1, end - begin - 1, label] for begin, end, label in segments]
    parts += [model.transitions[before, label] for before, label in itertools.pairwise(labels)]
    return math.fsum(map(float, [*parts, model.start[labels[0]], model.end[labels[-1]]]))


class Enumeration(NamedTuple):
    """Every segmentation of one record with its score, in float64, and what follows from them by definition."""

    paths: list[Segmentation]
    scores: Tensor

    @property
    def log_partition(self) -> Tensor:
        return self.scores.logsumexp(0) if self.paths else torch.tensor(-math.inf).double()

    @property
    def probabilities(self) -> Tensor:
        return self.scores.softmax(0) if self.log_partition > -math.inf else torch.zeros_like(self.scores)


def enumerated(model: SemiMarkov) -> list[Enumeration]:
    found = []
    for record, length in enumerate(model.lengths.tolist()):
        paths = all_segmentations(length, model.max_length, len(model.start))
        scores = [score_of(model, record, path) for path in paths]
        found.append(Enumeration(paths, torch.tensor(scores, dtype=torch.float64)))
    return found


def expected_counts(model: SemiMarkov, weights: Tensor) -> list[Tensor]:
    """Return how often each score is used in a record drawn by its probability, each record's uses times its weight."""
    counts = [torch.zeros_like(scores, dtype=torch.float64) for scores in model.all_scores]
    for record, (weight, expected) in enumerate(zip(weights, enumerated(model), strict=True)):
        for path, prob in zip(expected.paths, weight * expected.probabilities, strict=True):
            for begin, end, label in path:
                counts[0][record, end - 1, end - begin - 1, label] += prob
            for (_, _, before), (_, _, label) in itertools.pairwise(path):
                counts[1][before, label] += prob
            if path:
                counts[2][path[0][2]] += prob
                counts[3][path[-1][2]] += prob
    return counts


def random_model(
    seed: int,
    *,
    lengths: list[int],
    max_length: int,
    n_labels: int,
    scale: float = 1.0,
    forbidden_prob: float = 0.0,
    forbidden_score: float = -math.inf,
    n_padding: int = 0,
    dtype: torch.dtype = torch.float64,
) -> SemiMarkov:
    generator = torch.Generator().manual_seed(seed)

    def scores(*shape: int) -> Tensor:
        is_forbidden = torch.rand(*shape, generator=generator) < forbidden_prob
        drawn = torch.randn(*shape, dtype=torch.float64, generator=generator) * scale
        return drawn.masked_fill(is_forbidden, forbidden_score).to(dtype)

    n_steps = max(lengths, default=0) + n_padding
    return SemiMarkov(
        scores=scores(len(lengths), n_steps, max_length, n_labels),
        lengths=torch.tensor(lengths, dtype=torch.long),
        transitions=scores(n_labels, n_labels),
        start=scores(n_labels),
        end=scores(n_labels),
    )


def leaves(model: SemiMarkov) -> SemiMarkov:
    """Return the same model with scores that gather gradients."""
    scores, transitions, start, end = (each.clone().requires_grad_() for each in model.all_scores)
    return SemiMarkov(scores, model.lengths, transitions, start, end)


def gradients(values: Tensor, model: SemiMarkov, weights: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad((values * weights).sum(), model.all_scores))


def random_segments(model: SemiMarkov, seed: int) -> list[Segmentation]:
    """Return a segmentation of each record, each with the same chance."""
    generator = torch.Generator().manual_seed(seed)
    choices = [all_segmentations(length, model.max_length, len(model.start)) for length in model.lengths.tolist()]
    return [paths[int(torch.randint(len(paths), (), generator=generator))] for paths in choices]


def assert_sums_are_enumeration(model: SemiMarkov, close: dict[str, float]) -> None:
    expected = enumerated(model)
    partitions = torch.stack([each.log_partition for each in expected])
    torch.testing.assert_close(log_partition(model).double(), partitions, **close)
    of_segments = expected_counts(model, torch.ones(len(expected)))[0]
    torch.testing.assert_close(marginals(model).double(), of_segments, **close)

    weights = torch.arange(1.0, len(expected) + 1, dtype=torch.float64)
    learning = leaves(model)
    found = gradients(log_partition(learning).nan_to_num(neginf=0.0), learning, weights)
    for gradient, counts in zip(found, expected_counts(model, weights), strict=True):
        torch.testing.assert_close(gradient.double(), counts, **close)


def assert_losses_are_enumeration(model: SemiMarkov, seed: int) -> None:
    paths = random_segments(model, seed)
    scores = torch.tensor([score_of(model, record, path) for record, path in enumerate(paths)], dtype=torch.float64)
    torch.testing.assert_close(path_score(model, Segments.of(paths)), scores, **CLOSE)
    losses = torch.stack([each.log_partition for each in enumerated(model)]) - scores
    expected = losses.masked_fill(scores == -math.inf, math.inf)
    torch.testing.assert_close(negative_log_likelihood(model, Segments.of(paths)), expected, rtol=1e-10, atol=1e-9)


def assert_are_best(model: SemiMarkov, n: int) -> None:
    paths, log_probs = best_paths(model, n)
    best, best_scores = viterbi(model)
    for record, expected in enumerate(enumerated(model)):
        ranked = expected.scores.sort(descending=True).values
        allowed = ranked[ranked > -math.inf][:n]
        n_allowed = len(allowed)
        torch.testing.assert_close(log_probs[record, :n_allowed], allowed - expected.log_partition, rtol=1e-10, atol=1e-9)
        assert (log_probs[record, n_allowed:] == -math.inf).all()
        assert paths[record][n_allowed:] == [[]] * (n - n_allowed)
        assert len(set(map(tuple, paths[record][:n_allowed]))) == n_allowed
        assert all(path in expected.paths for path in paths[record][:n_allowed])
        found = [score_of(model, record, path) for path in paths[record][:n_allowed]]
        torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), allowed, **CLOSE)
        torch.testing.assert_close(best_scores[record], ranked[0], **CLOSE)
        assert (
            best[record] == [] if ranked[0] == -math.inf else score_of(model, record, best[record]) == pytest.approx(found[0])
        )


def assert_is_entropy(model: SemiMarkov) -> None:
    for found, expected in zip(entropy(model), enumerated(model), strict=True):
        if expected.log_partition == -math.inf:
            assert math.isnan(found)
        else:
            torch.testing.assert_close(found, torch.special.entr(expected.probabilities).sum(), rtol=1e-8, atol=1e-10)


@settings(max_examples=60)
@given(**CASES)
def test_partition_marginals_and_gradients_are_those_of_all_segmentations(seed, **kinds) -> None:
    assert_sums_are_enumeration(random_model(seed, **kinds), CLOSE)


@settings(max_examples=40)
@given(**CASES)
def test_single_precision_is_that_of_all_segmentations(seed, **kinds) -> None:
    assert_sums_are_enumeration(random_model(seed, **kinds, dtype=torch.float32), {"rtol": 1e-5, "atol": 1e-5})


@settings(max_examples=40)
@given(**CASES, path_seed=st.integers(0, 2**31))
def test_losses_are_those_of_the_segmentation(seed, path_seed, **kinds) -> None:
    assert_losses_are_enumeration(random_model(seed, **kinds), path_seed)


@settings(max_examples=40)
@given(**CASES, n=st.integers(1, 30))
def test_best_paths_are_the_best_of_all_segmentations(seed, n, **kinds) -> None:
    assert_are_best(random_model(seed, **kinds), n)


@settings(max_examples=40)
@given(**CASES)
def test_entropy_is_that_of_all_segmentations(seed, **kinds) -> None:
    assert_is_entropy(random_model(seed, **kinds))


@pytest.mark.slow
@settings(max_examples=2000)
@given(**CASES)
def test_2000_models_are_those_of_all_segmentations(seed, **kinds) -> None:
    model = random_model(seed, **kinds)
    assert_sums_are_enumeration(model, CLOSE)
    assert_losses_are_enumeration(model, seed)
    assert_are_best(model, 4)
    assert_is_entropy(model)


@pytest.mark.parametrize("seed", range(5))
def test_samples_come_as_often_as_their_probabilities_say(seed: int) -> None:
    """Each segmentation's count is within five standard deviations of what its probability lets expect."""
    model = random_model(seed, lengths=[3, 0, 1, 2], max_length=2, n_labels=2, forbidden_prob=0.1, n_padding=1)
    n = 5_000
    drawn = sample(model, n, generator=torch.Generator().manual_seed(seed))
    for record, expected in enumerate(enumerated(model)):
        assert len(drawn[record]) == n
        if expected.log_partition == -math.inf:
            assert drawn[record] == [[]] * n
            continue
        counts = [drawn[record].count(path) for path in expected.paths]
        assert sum(counts) == n
        for count, prob in zip(counts, expected.probabilities.tolist(), strict=True):
            assert abs(count - n * prob) <= 5 * math.sqrt(n * prob * (1 - prob)) + 1e-9 * n


@pytest.mark.parametrize("lengths", [[4, 4], [5, 1, 2], [1], [0, 3]])
def test_gradients_are_those_of_finite_differences(lengths: list[int]) -> None:
    model = random_model(2, lengths=lengths, max_length=3, n_labels=2)
    segments = Segments.of(random_segments(model, 0))

    def loss(*scores: Tensor) -> Tensor:
        of_segments, transitions, start, end = scores
        return negative_log_likelihood(SemiMarkov(of_segments, model.lengths, transitions, start, end), segments)

    assert torch.autograd.gradcheck(loss, leaves(model).all_scores, fast_mode=True)


@settings(max_examples=20)
@given(**CASES)
def test_loss_has_the_gradient_of_its_parts(seed, **kinds) -> None:
    """Expected counts less observed ones, and 0 where the segmentation is not allowed."""
    drawn = random_model(seed, **kinds)
    model, segments = leaves(drawn), Segments.of(random_segments(drawn, seed))
    losses = negative_log_likelihood(model, segments)
    weights = torch.arange(1.0, len(model.lengths) + 1).double().masked_fill(losses.detach() == math.inf, 0.0)
    own = gradients(losses.masked_fill(losses == math.inf, 0.0), model, weights)
    total = expected_counts(drawn, weights)
    observed = gradients(path_score(model, segments), model, weights)
    for loss, expected, path in zip(own, total, observed, strict=True):
        torch.testing.assert_close(loss, expected - path, rtol=1e-9, atol=1e-9)
