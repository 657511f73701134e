"""Chains of all kinds, and what they come to when every path is written down."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from seqlab.functional.linear_chain import Chain
from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.native import without_libraries
from seqlab.functional.native.compiler import find_compiler
from seqlab.functional.semi_markov import Segmentation, Segments, SemiMarkov, negative_log_likelihood


@pytest.fixture(scope="module", params=["compiled", "tensors"])
def lattice_code(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a module's tests with the compiled libraries, and without."""
    if request.param == "tensors":
        with without_libraries():
            yield request.param
    elif find_compiler() is None:
        pytest.skip("no C compiler is installed")
    else:
        assert chain_compiled.LIBRARY.is_usable, chain_compiled.LIBRARY.failure
        yield request.param


@dataclass(frozen=True)
class Enumeration:
    """Every path of one record with its score, in float64, and what follows from them by definition."""

    paths: Tensor
    """A row a path, a column a step."""
    scores: Tensor
    n_tags: int

    @classmethod
    def of(cls, chain: Chain, record: int) -> "Enumeration":
        n_steps, n_tags = int(chain.lengths[record]), len(chain.start)
        paths = torch.tensor(list(itertools.product(range(n_tags), repeat=n_steps))).long().view(n_tags**n_steps, n_steps)
        scores = torch.zeros(len(paths), dtype=torch.float64)
        for t, tags in enumerate(paths.T):
            scores += chain.emissions[record, t, tags]
            scores += chain.transitions[paths[:, t - 1], tags] if t else chain.start[tags]
        return cls(paths, scores + chain.end[paths[:, -1]] if n_steps else scores, n_tags)

    @property
    def log_partition(self) -> Tensor:
        return self.scores.logsumexp(0)

    @property
    def probabilities(self) -> Tensor:
        is_possible = self.log_partition > -math.inf
        return self.scores.softmax(0) if is_possible else torch.zeros_like(self.scores)

    def score_of(self, tags: Tensor) -> Tensor:
        """Return the score of one path."""
        return self.scores[(self.paths == tags).all(1)].squeeze(0)

    def step_marginals(self, n_steps: int) -> Tensor:
        """Return P(tag at step), 0 beyond the record."""
        marginals = torch.zeros(n_steps, self.n_tags, dtype=torch.float64)
        for t, tags in enumerate(self.paths.T):
            marginals[t].index_add_(0, tags, self.probabilities)
        return marginals

    def edge_counts(self) -> Tensor:
        """Return how often each pair of neighbouring tags is expected."""
        counts = torch.zeros(self.n_tags, self.n_tags, dtype=torch.float64)
        for before, tags in itertools.pairwise(self.paths.T):
            counts.index_put_((before, tags), self.probabilities, accumulate=True)
        return counts


@pytest.fixture(scope="session")
def enumerated() -> Callable[[Chain], list[Enumeration]]:
    """Return the function that writes down every path of each record."""
    return lambda chain: [Enumeration.of(chain, record) for record in range(len(chain.lengths))]


@pytest.fixture(scope="session")
def random_chain() -> Callable[..., Chain]:
    """Return the function that draws a chain of a seed."""

    def draw(
        seed: int,
        *,
        lengths: Sequence[int],
        n_tags: int,
        scale: float = 1.0,
        forbidden_prob: float = 0.0,
        forbidden_score: float = -math.inf,
        n_padding: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> Chain:
        generator = torch.Generator().manual_seed(seed)

        def scores(*shape: int) -> Tensor:
            return torch.randn(*shape, dtype=torch.float64, generator=generator) * scale

        def constrained(*shape: int) -> Tensor:
            is_forbidden = torch.rand(*shape, generator=generator) < forbidden_prob
            return scores(*shape).masked_fill(is_forbidden, forbidden_score).to(dtype)

        n_steps = max(lengths, default=0) + n_padding
        return Chain(
            emissions=scores(len(lengths), n_steps, n_tags).to(dtype),
            lengths=torch.tensor(lengths, dtype=torch.long),
            transitions=constrained(n_tags, n_tags),
            start=constrained(n_tags),
            end=constrained(n_tags),
        )

    return draw


@pytest.fixture(scope="session")
def random_semi_markov() -> Callable[..., SemiMarkov]:
    """Return the function that draws a semi-Markov model of a seed."""

    def draw(seed: int, *, lengths: list[int], max_length: int, n_labels: int, scale: float = 1.0) -> SemiMarkov:
        generator = torch.Generator().manual_seed(seed)

        def scores(*shape: int) -> Tensor:
            return torch.randn(*shape, dtype=torch.float64, generator=generator) * scale

        return SemiMarkov(
            scores=scores(len(lengths), max(lengths), max_length, n_labels),
            lengths=torch.tensor(lengths),
            transitions=scores(n_labels, n_labels),
            start=scores(n_labels),
            end=scores(n_labels),
        )

    return draw


@pytest.fixture(scope="session")
def cut() -> Callable[[SemiMarkov, int], list[Segmentation]]:
    """Return the function that cuts records into segments of a size, the last as short as need be; labels take turns."""

    def cut_all(model: SemiMarkov, size: int) -> list[Segmentation]:
        n_labels = len(model.start)
        return [
            [(begin, min(begin + size, length), begin // size % n_labels) for begin in range(0, length, size)]
            for length in model.lengths.tolist()
        ]

    return cut_all


@pytest.fixture(scope="session")
def learn() -> Callable[[SemiMarkov, Segments], tuple[Tensor, list[Tensor]]]:
    """Return the function that gives the losses of segments, and the gradients of their sum."""

    def losses_and_gradients(model: SemiMarkov, segments: Segments) -> tuple[Tensor, list[Tensor]]:
        scores = [each.detach().clone().requires_grad_() for each in model.all_scores]
        losses = negative_log_likelihood(SemiMarkov(scores[0], model.lengths, *scores[1:]), segments)
        return losses.detach(), list(torch.autograd.grad(losses.sum(), scores))

    return losses_and_gradients
