"""The linear chain where sums go wrong: padding, batch-mates, extreme scores, low precision, long records."""

import math

import pytest
import torch
from torch import Tensor
from torchcrf import CRF

from seqlab.functional.linear_chain import Chain, log_partition, marginals, negative_log_likelihood, path_score, viterbi
from seqlab.functional.linear_chain.log_space import log_space_sums
from seqlab.functional.linear_chain.scaled import scaled_sums

pytestmark = pytest.mark.usefixtures("lattice_code")


def learn(chain: Chain, tags: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the losses, and the gradients of their sum."""
    scores = [each.detach().clone().requires_grad_() for each in chain.scores]
    losses = negative_log_likelihood(Chain(scores[0], chain.lengths, *scores[1:]), tags)
    return losses.detach(), list(torch.autograd.grad(losses.sum(), scores))


@pytest.mark.parametrize("n_tags", [1, 2, 18])
@pytest.mark.parametrize("lengths", [[12, 12, 12], [12, 1, 7, 3]])
def test_loss_gradients_and_best_path_are_those_of_pytorch_crf(random_chain, n_tags: int, lengths: list[int]) -> None:
    chain = random_chain(0, lengths=lengths, n_tags=n_tags)
    tags = torch.randint(n_tags, chain.mask.shape)
    crf = CRF(n_tags, batch_first=True).double()
    crf.load_state_dict({"transitions": chain.transitions, "start_transitions": chain.start, "end_transitions": chain.end})
    emissions = chain.emissions.clone().requires_grad_()
    mask = chain.mask
    losses = -crf(emissions, tags, mask, reduction="none")
    leaves = [emissions, crf.transitions, crf.start_transitions, crf.end_transitions]
    ours, our_gradients = learn(chain, tags)
    torch.testing.assert_close(ours, losses.detach(), rtol=1e-12, atol=1e-12)
    for found, expected in zip(our_gradients, torch.autograd.grad(losses.sum(), leaves), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    best, _ = viterbi(chain)
    assert [path[:length].tolist() for path, length in zip(best, lengths, strict=True)] == crf.decode(emissions, mask)


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf, 1e30])
def test_padding_changes_nothing(random_chain, garbage: float) -> None:
    chain = random_chain(1, lengths=[6, 0, 2, 5], n_tags=5, forbidden_prob=0.1)
    tags = torch.randint(5, (4, 6))
    longer = torch.nn.functional.pad(chain.emissions, (0, 0, 0, 3)).masked_fill(
        ~torch.nn.functional.pad(chain.mask, (0, 3))[..., None], garbage
    )
    padded = Chain(longer, chain.lengths, chain.transitions, chain.start, chain.end)
    padded_tags = torch.nn.functional.pad(tags, (0, 3), value=-1).masked_fill(~padded.mask, -100)
    expected_losses, expected_gradients = learn(chain, tags)
    losses, gradients = learn(padded, padded_tags)
    torch.testing.assert_close(losses, expected_losses)
    torch.testing.assert_close(gradients[0][:, :6], expected_gradients[0])
    assert not gradients[0][~padded.mask].any()
    torch.testing.assert_close(gradients[1:], expected_gradients[1:])
    torch.testing.assert_close(marginals(padded)[:, :6], marginals(chain))
    tags, scores = viterbi(chain)
    torch.testing.assert_close(viterbi(padded), (torch.nn.functional.pad(tags, (0, 3)), scores))


@pytest.mark.parametrize("scale", [1.0, 400.0])
def test_batch_mates_change_nothing(random_chain, scale: float) -> None:
    lengths = [7, 3, 0, 1, 5]
    chain = random_chain(2, lengths=lengths, n_tags=4, scale=scale)
    tags = torch.randint(4, (5, 7))
    together, gradients = learn(chain, tags)
    total = [torch.zeros_like(scores) for scores in chain.scores[1:]]
    for record in range(5):
        alone = chain.select(torch.tensor([record]))
        losses, own = learn(alone, tags[record : record + 1, : lengths[record]])
        torch.testing.assert_close(losses[0], together[record])
        torch.testing.assert_close(own[0][0], gradients[0][record, : lengths[record]])
        assert torch.equal(viterbi(alone)[0][0], viterbi(chain)[0][record, : lengths[record]])
        total = [sum_ + each for sum_, each in zip(total, own[1:], strict=True)]
    torch.testing.assert_close(gradients[1:], total)


def test_nan_stays_in_its_record(random_chain) -> None:
    chain = random_chain(3, lengths=[4, 4, 2], n_tags=3, scale=100.0)
    expected = log_partition(chain)
    chain.emissions[1, 2, 0] = math.nan
    values = log_partition(chain)
    assert values[1].isnan()
    torch.testing.assert_close(values[[0, 2]], expected[[0, 2]])


@pytest.mark.parametrize("scale", [0.0, 1.0, 5.0, 15.0])
def test_scaled_sums_are_exact_where_they_say_so(random_chain, scale: float) -> None:
    chain = random_chain(4, lengths=[40] * 8, n_tags=6, scale=scale, forbidden_prob=0.2)
    scaled, exact = scaled_sums(chain, use_backward=True), log_space_sums(chain)
    assert scaled.is_exact.any()
    kept = scaled.is_exact
    torch.testing.assert_close(scaled.log_partition[kept], exact.log_partition[kept], rtol=1e-12, atol=1e-10)


def test_a_path_lost_in_both_directions_is_found() -> None:
    """Tag 0 wins the first and last third, tag 1 the middle by more, and neither can become the other."""
    emissions = torch.zeros(1, 90, 2, dtype=torch.float64)
    emissions[0, :30, 0] = emissions[0, 60:, 0] = 25.0
    emissions[0, 30:60, 1] = 51.0
    never = torch.tensor([[0.0, -math.inf], [-math.inf, 0.0]]).double()
    chain = Chain(emissions, torch.tensor([90]), never, torch.zeros(2).double(), torch.zeros(2).double())
    paths = emissions.sum(1)[0]
    torch.testing.assert_close(log_partition(chain)[0], paths.logsumexp(0))
    torch.testing.assert_close(marginals(chain)[0], paths.softmax(0).expand(90, 2))
    assert (viterbi(chain)[0] == 1).all()


def test_a_path_that_must_take_a_forbidden_step_pays_for_it_exactly() -> None:
    """Scores of -10,000 are scores: where every path has one, the partition and the gradient count it."""
    transitions = torch.full((2, 2), -10_000.0, dtype=torch.float64)
    transitions[0, 0] = 0.0
    emissions = torch.tensor([[[0.0, -math.inf], [-math.inf, 1.0], [2.0, 0.0]]]).double()
    chain = Chain(emissions, torch.tensor([3]), transitions, torch.zeros(2).double(), torch.zeros(2).double())
    expected = -20_000.0 + 1.0 + math.log(math.exp(2.0) + 1.0)
    torch.testing.assert_close(log_partition(chain), torch.tensor([expected]).double())
    _, gradients = learn(chain, torch.tensor([[0, 1, 0]]))
    share = 1 / (1 + math.exp(-2.0))
    torch.testing.assert_close(gradients[1], torch.tensor([[0.0, 0.0], [share - 1, 1 - share]]).double())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_low_precision_scores_are_summed_as_the_numbers_they_are(random_chain, dtype: torch.dtype) -> None:
    low = random_chain(5, lengths=[30, 11], n_tags=7, dtype=dtype)
    tags = torch.randint(7, (2, 30))
    losses, gradients = learn(low, tags)
    expected_losses, expected_gradients = learn(low.double(), tags)
    assert losses.dtype == log_partition(low).dtype == path_score(low, tags).dtype == torch.float32
    assert marginals(low).dtype == viterbi(low)[1].dtype == torch.float32
    torch.testing.assert_close(losses.double(), expected_losses, rtol=1e-6, atol=1e-6)
    for found, expected in zip(gradients, expected_gradients, strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected.to(dtype))
    assert torch.equal(viterbi(low)[0], viterbi(low.double())[0])


@pytest.mark.parametrize("n_steps", [30, 10_000])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing(random_chain, dtype: torch.dtype, n_steps: int) -> None:
    chain = random_chain(6, lengths=[n_steps, 11, 0], n_tags=7, dtype=torch.float32, scale=5.0)
    tags = torch.randint(7, (3, n_steps))
    expected, expected_gradients = learn(chain, tags)
    with torch.autocast("cpu", dtype=dtype):
        losses, gradients = learn(chain, tags)
        best, _ = viterbi(chain)
    assert torch.equal(losses, expected)
    assert all(map(torch.equal, gradients, expected_gradients))
    assert torch.equal(best, viterbi(chain)[0])


@pytest.mark.parametrize(("n_steps", "forbidden_score"), [(4_000, -math.inf), (2_000, -10_000.0)])
def test_long_records_are_summed_exactly(random_chain, n_steps: int, forbidden_score: float) -> None:
    kinds = {"scale": 3.0, "forbidden_prob": 0.2, "forbidden_score": forbidden_score}
    chain = random_chain(7, lengths=[n_steps, 1], n_tags=4, **kinds)
    exact = log_space_sums(chain)
    torch.testing.assert_close(log_partition(chain), exact.log_partition, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(marginals(chain), exact.step_marginals.transpose(0, 1), rtol=1e-8, atol=1e-8)
    tags, best = viterbi(chain)
    torch.testing.assert_close(best, path_score(chain, tags), rtol=1e-12, atol=0.0)
    assert (best <= exact.log_partition).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_finds_the_same(random_chain) -> None:
    chain = random_chain(9, lengths=[20, 3, 0], n_tags=5)
    tags = torch.randint(5, (3, 20))
    on_gpu = Chain(chain.emissions.cuda(), chain.lengths.cuda(), *(scores.cuda() for scores in chain.scores[1:]))
    expected, found = learn(chain, tags), learn(on_gpu, tags.cuda())
    torch.testing.assert_close(found[0].cpu(), expected[0])
    torch.testing.assert_close([gradient.cpu() for gradient in found[1]], expected[1])
    assert torch.equal(viterbi(on_gpu)[0].cpu(), viterbi(chain)[0])


def test_no_gradient_is_kept_where_none_is_asked_for(random_chain) -> None:
    chain = random_chain(8, lengths=[3, 2], n_tags=3)
    chain.transitions.requires_grad_()
    assert log_partition(chain).requires_grad
    assert not marginals(chain).requires_grad
    assert not viterbi(chain)[1].requires_grad
    with torch.no_grad():
        assert not negative_log_likelihood(chain, torch.zeros(2, 3).long()).requires_grad
        assert not log_partition(chain).requires_grad
