"""`Crf`, a layer on plain tensors, equals enumeration and pytorch-crf."""

import copy
import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torchcrf import CRF

import seqlab
from seqlab.data.schemes import get_scheme
from seqlab.errors import ConfigError
from seqlab.heads.layers import Crf

TAGS = ["O", "B-X", "I-X"]
MASK = torch.tensor([[True, True, True], [True, False, False], [False, False, False]])
GOLD = torch.tensor([[1, 2, 0], [0, 7, 7], [7, 7, 7]])


def crf_of(*, scheme: str | None = None) -> Crf:
    torch.manual_seed(3)
    crf = Crf.of_tags(TAGS, scheme)
    for parameter in crf.parameters():
        parameter.data.normal_()
    return crf


def random_emissions(n_records: int = 3) -> Tensor:
    return torch.randn(n_records, 3, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()


def paths_of(crf: Crf, emissions: Tensor, record: int) -> dict[tuple[int, ...], float]:
    """Return the probability of every path of a record, from its definition."""
    n_steps = int(MASK[record].sum())
    scores = (crf.transitions + crf.step_limits, crf.start + crf.start_limits, crf.end + crf.end_limits)
    transitions, start, end = (score.detach() for score in scores)
    emissions = emissions.detach()

    def score(path: tuple[int, ...]) -> float:
        total = sum(emissions[record, t, tag] for t, tag in enumerate(path))
        total += sum(transitions[i, j] for i, j in itertools.pairwise(path))
        return float(total + (start[path[0]] + end[path[-1]] if path else 0))

    scores = {path: score(path) for path in itertools.product(range(3), repeat=n_steps)}
    total = sum(map(math.exp, scores.values()))
    return {path: math.exp(each) / total for path, each in scores.items()}


@pytest.mark.parametrize("scheme", [None, "BIO"])
def test_answers_equal_enumeration(scheme: str | None) -> None:
    crf, emissions = crf_of(scheme=scheme), random_emissions()
    losses, entropy = crf.loss(emissions, GOLD, MASK, reduction="none"), crf.entropy(emissions, MASK)
    best, ranked, marginals = crf.decode(emissions, MASK), crf.n_best(emissions, MASK, n=5), crf.marginals(emissions, MASK)
    for record in range(3):
        probs = paths_of(crf, emissions, record)
        gold = tuple(GOLD[record][MASK[record]].tolist())
        assert losses[record].item() == pytest.approx(-math.log(probs[gold]), abs=1e-5)
        assert tuple(best[record]) == max(probs, key=lambda path: probs[path])
        expected = sorted((prob for prob in probs.values() if prob), reverse=True)[:5]
        assert [prob for _, prob in ranked[record]] == pytest.approx(expected, abs=1e-6)
        assert entropy[record].item() == pytest.approx(-sum(p * math.log(p) for p in probs.values() if p), abs=1e-5)
        for step, tag in itertools.product(range(len(gold)), range(3)):
            at_step = sum(prob for path, prob in probs.items() if path[step] == tag)
            assert marginals[record, step, tag].item() == pytest.approx(at_step, abs=1e-6)
    assert not marginals[~MASK].any()


def test_partial_labels_equal_the_sum_over_what_they_allow() -> None:
    crf, emissions = crf_of(), random_emissions()
    partial = torch.tensor([[1, -1, 0], [0, 7, 7], [7, 7, 7]])
    allowed = torch.nn.functional.one_hot(partial.clamp(0, 2), 3).bool() | (partial < 0).unsqueeze(2)
    probs = paths_of(crf, emissions, 0)
    expected = -math.log(sum(prob for path, prob in probs.items() if (path[0], path[2]) == (1, 0)))
    for tags in (partial, allowed):
        assert crf.loss(emissions, tags, MASK, reduction="none")[0].item() == pytest.approx(expected, abs=1e-5)
    assert crf.log_prob(emissions, partial, MASK)[0].item() == pytest.approx(-expected, abs=1e-5)


def test_class_weights_weigh_the_factors_of_the_probability() -> None:
    crf, emissions = crf_of(scheme="BIO"), random_emissions()
    weights = torch.tensor([0.5, 2.0, 3.0])
    probs = paths_of(crf, emissions, 0)

    def prefix(*tags: int) -> float:
        return sum(prob for path, prob in probs.items() if path[: len(tags)] == tags)

    factors = [prefix(1), prefix(1, 2) / prefix(1), prefix(1, 2, 0) / prefix(1, 2)]
    expected = -sum(weight * math.log(factor) for weight, factor in zip([2.0, 3.0, 0.5], factors, strict=True))
    found = crf.loss(emissions, GOLD, MASK, class_weights=weights, reduction="none")
    assert found[0].item() == pytest.approx(expected, abs=1e-5)
    equal = crf.loss(emissions, GOLD, MASK, class_weights=torch.full((3,), 2.0))
    assert equal.item() == pytest.approx(2 * crf.loss(emissions, GOLD, MASK).item(), abs=1e-5)
    (weighted,) = torch.autograd.grad(equal, emissions)
    (plain,) = torch.autograd.grad(crf.loss(emissions, GOLD, MASK), emissions)
    torch.testing.assert_close(weighted, 2 * plain)


def test_results_equal_those_of_pytorch_crf() -> None:
    crf, theirs, emissions = crf_of(), CRF(3, batch_first=True), random_emissions(2)
    for name, value in (("transitions", crf.transitions), ("start_transitions", crf.start), ("end_transitions", crf.end)):
        getattr(theirs, name).data.copy_(value)
    tags, mask = GOLD[:2].clamp(max=2), MASK[:2]
    for reduction in ("none", "sum", "mean", "token_mean"):
        expected = -theirs(emissions, tags, mask, reduction=reduction)
        torch.testing.assert_close(crf.loss(emissions, tags, mask, reduction=reduction), expected, atol=1e-5, rtol=0)
    assert crf.decode(emissions, mask) == theirs.decode(emissions, mask)


def test_spans_have_the_probability_of_their_exact_bounds() -> None:
    crf, emissions = crf_of(scheme="BIO"), torch.zeros(1, 3, 3)
    emissions[0, :, 1], emissions[0, 1:, 2] = torch.tensor([5.0, -5.0, -5.0]), torch.tensor([5.0, -5.0])
    ((span,),) = crf.span_probs(emissions)
    paths = itertools.product(range(3), repeat=3)
    mask = torch.ones(1, 3, dtype=torch.bool)
    logs = {path: crf.log_prob(emissions, torch.tensor([path]), mask).exp().item() for path in paths}
    expected = sum(prob for path, prob in logs.items() if path[:2] == (1, 2) and path[2] != 2)
    assert span[:3] == (0, 2, "X")
    assert span[3] == pytest.approx(expected, abs=1e-6)


def test_samples_follow_the_probabilities() -> None:
    crf, emissions = crf_of(), random_emissions()
    drawn = crf.sample(emissions, MASK, n=4000, generator=torch.Generator().manual_seed(0))
    share = torch.nn.functional.one_hot(drawn[0], 3).float().mean(0)
    torch.testing.assert_close(share, crf.marginals(emissions, MASK)[0], atol=0.04, rtol=0)
    assert not drawn[1, :, 1:].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_emissions_lose_nothing_in_sums(dtype: torch.dtype) -> None:
    crf, emissions = crf_of(), random_emissions().detach().to(dtype).requires_grad_()
    loss = crf.loss(emissions, GOLD, MASK)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, crf.loss(emissions.float(), GOLD, MASK))
    (gradient,) = torch.autograd.grad(loss, emissions)
    assert gradient.dtype == dtype
    assert gradient.isfinite().all()


def test_a_batch_without_records_has_loss_zero() -> None:
    crf = crf_of()
    assert crf.loss(torch.zeros(0, 3, 3), torch.zeros(0, 3, dtype=torch.long)).item() == 0
    assert crf.decode(torch.zeros(2, 0, 3)) == [[], []]


def test_the_layer_is_an_ordinary_module() -> None:
    crf, emissions = crf_of(scheme="BIO"), random_emissions().detach().double()
    copied, double = copy.deepcopy(crf), copy.deepcopy(crf).double()
    assert copied.decode(emissions, MASK) == crf.decode(emissions, MASK) == double.decode(emissions, MASK)
    assert set(crf.state_dict()) == {"transitions", "start", "end"}
    assert seqlab.Crf is Crf


EMISSIONS, ONES = torch.zeros(2, 3, 3), torch.ones(2, 3, dtype=torch.bool)
TAG_IDS = torch.zeros(2, 3, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda crf: crf.decode(torch.zeros(2, 3, 4)), r"shape \(2, 3, 4\); expected \(batch, time, 3\)"),
        (lambda crf: crf.decode(EMISSIONS, ONES[:, :2]), r"mask has the shape \(2, 2\); expected \(2, 3\)"),
        (lambda crf: crf.decode(EMISSIONS, torch.tensor([[False, True, True]] * 2)), "a real step after padding"),
        (lambda crf: crf.loss(EMISSIONS, TAG_IDS[:, :2]), r"tags have the shape \(2, 2\); expected \(2, 3\)"),
        (lambda crf: crf.loss(EMISSIONS, TAG_IDS + 3), "a tag is 3; expected 0 to 2"),
        (lambda crf: crf.loss(EMISSIONS, TAG_IDS, reduction="max"), "reduction is 'max'; expected one of mean, sum"),
        (lambda crf: crf.loss(EMISSIONS, TAG_IDS - 1, class_weights=torch.ones(3)), "need one gold tag at each step"),
        (lambda crf: crf.loss(EMISSIONS, TAG_IDS, class_weights=torch.ones(2)), r"class_weights have the shape \(2,\)"),
        (lambda crf: crf.span_probs(EMISSIONS), "make the CRF by Crf.of_tags"),
        (lambda crf: Crf(0), "n_tags is 0"),
        (
            lambda crf: Crf(4, get_scheme("BIO").transitions(TAGS)),
            r"constraints.step has the shape \(3, 3\); expected \(4, 4\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(Crf(n_tags=3))
