"""The compiled lattices beside those of tensors, at sizes that fill one, some and many vectors of the machine."""

import pytest
import torch
from torch import Tensor

from seqlab.functional.alignment import Topology, ctc_loss, ctc_topology, hmm_topology, log_sum, unit_posteriors
from seqlab.functional.alignment import compiled as alignment_compiled
from seqlab.functional.linear_chain import Chain, log_partition, marginals, negative_log_likelihood, viterbi
from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.native import without_libraries
from seqlab.functional.native.compiler import find_compiler

SIZES = [1, 2, 4, 8, 9, 16, 17, 25, 33, 40, 70]
LENGTHS = [12, 0, 1, 2, 12, 5, 7, 3, 11, 1, 0, 4, 9, 10, 6, 8, 12, 2, 3]
CLOSE = {"rtol": 1e-11, "atol": 1e-11}
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is installed")


def test_the_libraries_load() -> None:
    """Or the comparisons below, and all tests of lattices, would compare tensors with tensors."""
    assert chain_compiled.LIBRARY.is_usable
    assert alignment_compiled.LIBRARY.is_usable


def chain_of(n_tags: int, *, is_wild: bool = False) -> tuple[Chain, Tensor]:
    torch.manual_seed(n_tags)
    n_records, n_steps = len(LENGTHS), max(LENGTHS)
    shapes = [(n_records, n_steps, n_tags), (n_tags, n_tags), (n_tags,), (n_tags,)]
    scores = [torch.randn(*shape, dtype=torch.float64) * (100 if is_wild else 1) for shape in shapes]
    if is_wild:
        scores[1] = scores[1].masked_fill(torch.rand(n_tags, n_tags) < 0.3, -torch.inf)
    emissions, transitions, start, end = (each.requires_grad_() for each in scores)
    return Chain(emissions, torch.tensor(LENGTHS), transitions, start, end), torch.randint(n_tags, (n_records, n_steps))


def quantities(chain: Chain, tags: Tensor) -> list[Tensor]:
    losses = negative_log_likelihood(chain, tags)
    kept = losses.isfinite()
    weights = torch.linspace(0.5, 2.0, len(losses), dtype=torch.float64)[kept]
    gradients = torch.autograd.grad((losses[kept] * weights).sum(), chain.scores)
    best, score = viterbi(chain)
    return [losses.detach(), *gradients, marginals(chain), log_partition(chain).detach(), best, score]


@pytest.mark.parametrize("is_wild", [False, True], ids=["", "wild"])
@pytest.mark.parametrize("n_tags", SIZES)
def test_chains_are_those_of_tensors(n_tags: int, is_wild: bool) -> None:
    chain, tags = chain_of(n_tags, is_wild=is_wild)
    found = quantities(chain, tags)
    with without_libraries():
        expected = quantities(chain, tags)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def on_threads(n: int, run) -> list[Tensor]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        return run()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("n_tags", [3, 18, 40])
def test_threads_and_batch_mates_change_no_bit_of_a_chain(n_tags: int) -> None:
    chain, tags = chain_of(n_tags)
    whole = on_threads(1, lambda: quantities(chain, tags))
    for one, other in zip(whole, on_threads(3, lambda: quantities(chain, tags)), strict=True):
        assert torch.equal(one, other)
    for i, length in enumerate(LENGTHS):
        alone = chain.select(torch.tensor([i]))
        assert torch.equal(marginals(alone), whole[5][i : i + 1, :length])
        assert torch.equal(viterbi(alone)[0], whole[7][i : i + 1, :length])
        assert torch.equal(negative_log_likelihood(alone, tags[i : i + 1, :length]).detach(), whole[0][i : i + 1])


def problem(n_labels: int, *, is_hmm: bool) -> tuple[Tensor, Tensor, Topology]:
    torch.manual_seed(n_labels)
    lengths = torch.tensor([0, 1, 2 * n_labels, 3 * n_labels + 2, 1, 0, 2 * n_labels + 1, 5])
    counts = torch.tensor([0, 1, n_labels, n_labels, 0, 1, n_labels - 1, min(2, n_labels)])
    labels = torch.randint(1, 6, (len(lengths), n_labels))
    if is_hmm:
        topology = hmm_topology(labels, counts, states_per_label=3, can_skip=True, silence=0)
    else:
        topology = ctc_topology(labels, counts, blank=0)
    n_units = int(topology.units.max()) + 2
    scores = torch.randn(len(lengths), int(lengths.max()), n_units, dtype=torch.float64).log_softmax(2)
    return scores, lengths, topology


def sums(scores: Tensor, lengths: Tensor, topology: Topology) -> list[Tensor]:
    scores = scores.clone().requires_grad_()
    total = log_sum(scores, lengths, topology)
    weights = torch.linspace(0.5, 2.0, len(total), dtype=scores.dtype)
    kept = total.isfinite()
    (gradient,) = torch.autograd.grad((total * weights)[kept].sum(), [scores])
    return [total.detach(), gradient, unit_posteriors(scores, lengths, topology)]


@pytest.mark.parametrize("is_hmm", [False, True], ids=["ctc", "hmm"])
@pytest.mark.parametrize("n_labels", [1, 2, 3, 4, 7, 8, 12, 20])
def test_alignments_are_those_of_tensors(n_labels: int, is_hmm: bool) -> None:
    scores, lengths, topology = problem(n_labels, is_hmm=is_hmm)
    found = on_threads(1, lambda: sums(scores, lengths, topology))
    for one, other in zip(found, on_threads(3, lambda: sums(scores, lengths, topology)), strict=True):
        assert torch.equal(one, other)
    with without_libraries():
        expected = sums(scores, lengths, topology)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("name", ["lengths", "transitions", "start", "end"])
def test_a_chain_of_other_shapes_is_refused(name: str) -> None:
    chain = chain_of(4)[0].detached()
    object.__setattr__(chain, name, getattr(chain, name)[:-1])  # past the checks of types that tests run under
    with pytest.raises(ValueError, match=f"{name} has the shape"):
        chain_compiled.partition(chain)


def test_tags_of_other_shapes_and_lengths_beyond_the_scores_are_refused() -> None:
    chain, tags = chain_of(4)
    with pytest.raises(ValueError, match="tags has the shape"):
        negative_log_likelihood(chain, tags[:, :-1])
    with pytest.raises(ValueError, match="lengths from 0 to 13 of 12 steps"):
        viterbi(Chain(chain.emissions, chain.lengths + (chain.lengths == 12), chain.transitions, chain.start, chain.end))


def test_units_that_there_are_not_are_refused() -> None:
    scores, lengths, topology = problem(3, is_hmm=False)
    with pytest.raises(ValueError, match="units are from 0 to"):
        log_sum(scores[..., :1], lengths, topology)
    with pytest.raises(ValueError, match="lengths are from 0 to"):
        log_sum(scores, lengths + 100 * (lengths > 10), topology)
    with pytest.raises(ValueError, match="blank is -1"):
        ctc_loss(scores, lengths, torch.ones(8, 3).long(), torch.zeros(8).long(), blank=-1)
    with pytest.raises(ValueError, match="n_labels is from -1"):
        ctc_loss(scores, lengths, torch.ones(8, 3).long(), torch.full((8,), -1), blank=0)
