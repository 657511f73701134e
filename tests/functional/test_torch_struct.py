"""Lattices beside torch-struct (Rush 2020), where it has the same model; it scores edges: (…, step - 1, tag, tag before)."""

import pytest
import torch
from torch import Tensor
from torch_struct import EntropySemiring, LinearChain, LogSemiring, MaxSemiring
from torch_struct import SemiMarkov as StructSemiMarkov

from seqlab.functional import linear_chain, semi_markov
from seqlab.functional.linear_chain import Chain
from seqlab.functional.semi_markov import SemiMarkov

LENGTHS = torch.tensor([9, 2, 5])
CLOSE = {"rtol": 1e-10, "atol": 1e-10}

pytestmark = pytest.mark.usefixtures("lattice_code")


@pytest.fixture(params=range(3))
def chain(request: pytest.FixtureRequest) -> Chain:
    torch.manual_seed(request.param)
    shapes = [(3, 9, 4), (4, 4), (4,), (4,)]
    emissions, transitions, start, end = (2 * torch.randn(*shape, dtype=torch.float64) for shape in shapes)
    return Chain(emissions, LENGTHS, transitions, start, end)


def edges_of(chain: Chain) -> Tensor:
    edges = (chain.transitions.T + chain.emissions[:, 1:, :, None]).clone()
    edges[:, 0] += (chain.start + chain.emissions[:, 0])[:, None, :]
    for record, length in enumerate(LENGTHS.tolist()):
        edges[record, length - 2] += chain.end[:, None]
    return edges


@pytest.mark.parametrize(
    ("semiring", "ours"),
    [
        (LogSemiring, linear_chain.log_partition),
        (MaxSemiring, lambda chain: linear_chain.viterbi(chain)[1]),
        (EntropySemiring, linear_chain.entropy),
    ],
)
def test_sums_over_chains(chain: Chain, semiring, ours) -> None:
    expected = LinearChain(semiring).sum(edges_of(chain), lengths=LENGTHS).detach()
    torch.testing.assert_close(ours(chain), expected, **CLOSE)


def test_marginals_of_chains(chain: Chain) -> None:
    edges = LinearChain(LogSemiring).marginals(edges_of(chain), lengths=LENGTHS).detach()
    expected = torch.cat([edges[:, :1].sum(2), edges.sum(3)], 1)
    torch.testing.assert_close(linear_chain.marginals(chain), expected, **CLOSE)


@pytest.mark.parametrize(
    ("semiring", "ours"),
    [(LogSemiring, semi_markov.log_partition), (MaxSemiring, lambda model: semi_markov.viterbi(model)[1])],
)
def test_sums_over_segmentations(semiring, ours) -> None:
    """A step there is a boundary here, so 6 steps are 7 of its; a segment's edge has its label and that of the one before."""
    torch.manual_seed(0)
    n_steps, max_length, n_labels = 6, 3, 2
    shapes = [(2, n_steps, max_length, n_labels), (n_labels, n_labels), (n_labels,), (n_labels,)]
    scores, transitions, start, end = (torch.randn(*shape, dtype=torch.float64) for shape in shapes)
    edges = torch.full((2, n_steps, max_length + 1, n_labels, n_labels), -1e30, dtype=torch.float64)
    for begin in range(n_steps):
        for length in range(1, min(max_length, n_steps - begin) + 1):
            of_segment = scores[:, begin + length - 1, length - 1, :, None]
            edges[:, begin, length] = of_segment + transitions.T
            if begin == 0:  # no label before: one of the choices stands for it
                edges[:, 0, length] = torch.tensor([0.0, -1e30]).double() + of_segment + start[:, None]
            if begin + length == n_steps:
                edges[:, begin, length] += end[:, None]
    expected = StructSemiMarkov(semiring).sum(edges, lengths=torch.full((2,), n_steps + 1)).detach()
    model = SemiMarkov(scores, torch.full((2,), n_steps), transitions, start, end)
    torch.testing.assert_close(ours(model), expected, **CLOSE)
