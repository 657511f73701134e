"""`SemiMarkovCrf`, a layer on plain tensors, equals enumeration."""

import copy
import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import seqlab
from seqlab.errors import ConfigError
from seqlab.functional.semi_markov import Segmentation
from seqlab.heads.layers import Crf, SemiMarkovCrf

MASK = torch.tensor([[True, True, True, True], [True, False, False, False], [False, False, False, False]])
GOLD = [[(0, 1, 0), (1, 3, 1), (3, 4, 1)], [(0, 1, 1)], []]
LIMITS = [1, 3]


def crf_of(max_length: int | list[int] = LIMITS) -> SemiMarkovCrf:
    torch.manual_seed(3)
    crf = SemiMarkovCrf(2, max_length)
    for parameter in crf.parameters():
        parameter.data.normal_()
    return crf


def random_scores(*, of_segments: bool) -> Tensor:
    shape = (3, 4, 3, 2) if of_segments else (3, 4, 2)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()


def segmentations(n_steps: int, start: int = 0) -> Iterator[tuple[tuple[int, int, int], ...]]:
    """Yield every segmentation of the steps from `start` on that LIMITS allow."""
    if start == n_steps:
        yield ()
    for label, limit in enumerate(LIMITS):
        for end in range(start + 1, min(n_steps, start + limit) + 1):
            yield from (((start, end, label), *rest) for rest in segmentations(n_steps, end))


def probs_of(crf: SemiMarkovCrf, scores: Tensor, record: int) -> dict[tuple[tuple[int, int, int], ...], float]:
    """Return the probability of every segmentation of a record, from its definition."""

    def score(path: tuple[tuple[int, int, int], ...]) -> float:
        total = torch.zeros(())
        for start, end, label in path:
            of_steps = (
                scores[record, start:end, label].sum() if scores.dim() == 3 else scores[record, end - 1, end - start - 1, label]
            )
            total = total + of_steps + crf.length_scores[end - start - 1, label]
        total = total + sum(crf.transitions[one[2], other[2]] for one, other in itertools.pairwise(path))
        return (total + crf.start[path[0][2]] + crf.end[path[-1][2]]).item() if path else 0.0

    found = {path: math.exp(score(path)) for path in segmentations(int(MASK[record].sum()))}
    return {path: value / sum(found.values()) for path, value in found.items()}


@pytest.mark.parametrize("of_segments", [False, True])
def test_answers_equal_enumeration(of_segments: bool) -> None:
    crf, scores = crf_of(), random_scores(of_segments=of_segments)
    losses, entropy = crf.loss(scores, GOLD, MASK, reduction="none"), crf.entropy(scores, MASK)
    best, ranked, marginals = crf.decode(scores, MASK), crf.n_best(scores, MASK, n=5), crf.marginals(scores, MASK)
    placed = crf.span_probs(scores, MASK)
    for record in range(3):
        probs = probs_of(crf, scores.detach(), record)
        assert losses[record].item() == pytest.approx(-math.log(probs[tuple(GOLD[record])]), abs=1e-5)
        assert tuple(best[record]) == max(probs, key=lambda path: probs[path])
        assert [prob for _, prob in ranked[record]] == pytest.approx(sorted(probs.values(), reverse=True)[:5], abs=1e-6)
        assert [probs[tuple(path)] for path, _ in ranked[record]] == pytest.approx([prob for _, prob in ranked[record]])
        assert entropy[record].item() == pytest.approx(-sum(p * math.log(p) for p in probs.values()), abs=1e-5)
        for end, length, label in itertools.product(range(4), range(3), range(2)):
            segment = (end - length, end + 1, label)
            expected = sum(prob for path, prob in probs.items() if segment in path)
            assert marginals[record, end, length, label].item() == pytest.approx(expected, abs=1e-6)
        of_best = [(*one, sum(prob for path, prob in probs.items() if one in path)) for one in best[record]]
        assert [one[:3] for one in placed[record]] == best[record]
        assert [one[3] for one in placed[record]] == pytest.approx([one[3] for one in of_best], abs=1e-6)


def test_gradient_of_step_scores_is_expected_minus_gold_counts() -> None:
    crf, scores = crf_of(), random_scores(of_segments=False)
    (gradient,) = torch.autograd.grad(crf.loss(scores, GOLD, MASK, reduction="sum"), scores)
    for record, step, label in itertools.product(range(3), range(4), range(2)):
        probs = probs_of(crf, scores.detach(), record)

        def covers(path: Any, step: int = step, label: int = label) -> bool:
            return any(start <= step < end and own == label for start, end, own in path)

        expected = sum(prob for path, prob in probs.items() if covers(path)) - covers(GOLD[record])
        assert gradient[record, step, label].item() == pytest.approx(expected, abs=1e-5)


def test_every_parameter_has_a_gradient() -> None:
    crf = crf_of()
    crf.loss(random_scores(of_segments=False), GOLD, MASK).backward()
    for name, parameter in crf.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_segments_of_one_step_make_a_linear_chain() -> None:
    crf, chain = crf_of(max_length=1), Crf(2)
    crf.length_scores.data.zero_()
    for name in ("transitions", "start", "end"):
        getattr(chain, name).data.copy_(getattr(crf, name))
    scores, tags = random_scores(of_segments=False), torch.tensor([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    gold = [
        [(t, t + 1, tag) for t, tag in enumerate(row[: sum(mask)])]
        for row, mask in zip(tags.tolist(), MASK.tolist(), strict=True)
    ]
    for reduction in ("none", "mean", "token_mean", "sum"):
        expected = chain.loss(scores, tags, MASK, reduction=reduction)
        torch.testing.assert_close(crf.loss(scores, gold, MASK, reduction=reduction), expected)
    torch.testing.assert_close(crf.log_prob(scores, gold, MASK), chain.log_prob(scores, tags, MASK))
    assert [[label for _, _, label in row] for row in crf.decode(scores, MASK)] == chain.decode(scores, MASK)
    torch.testing.assert_close(crf.marginals(scores, MASK)[:, :, 0], chain.marginals(scores, MASK))


def test_samples_follow_the_probabilities() -> None:
    crf, scores = crf_of(), random_scores(of_segments=False)
    drawn = crf.sample(scores, MASK, n=2000, generator=torch.Generator().manual_seed(0))
    likeliest = crf.decode(scores, MASK)[0]
    share = sum(path == likeliest for path in drawn[0]) / 2000
    assert share == pytest.approx(probs_of(crf, scores.detach(), 0)[tuple(likeliest)], abs=0.04)
    assert drawn[2] == [[]] * 2000


@pytest.mark.parametrize("of_segments", [False, True])
def test_padding_changes_nothing(of_segments: bool) -> None:
    crf, scores = crf_of(), random_scores(of_segments=of_segments)
    garbage = scores.detach().clone()
    garbage[1, 1:], garbage[2] = torch.nan, torch.inf
    garbage.requires_grad_()
    found, expected = crf.loss(garbage, GOLD, MASK), crf.loss(scores, GOLD, MASK)
    assert found.item() == expected.item()
    learning = list(crf.parameters())
    for one, other in zip(
        torch.autograd.grad(found, [garbage, *learning]), torch.autograd.grad(expected, [scores, *learning]), strict=True
    ):
        torch.testing.assert_close(one, other)
    assert crf.decode(garbage, MASK) == crf.decode(scores, MASK)


def test_half_precision_scores_lose_nothing_in_sums() -> None:
    crf, scores = crf_of(), random_scores(of_segments=False).detach().bfloat16()
    loss = crf.loss(scores, GOLD, MASK)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, crf.loss(scores.float(), GOLD, MASK))


def test_a_batch_without_records_has_loss_zero() -> None:
    crf = crf_of()
    assert crf.loss(torch.zeros(0, 3, 2), []).item() == 0
    assert crf.decode(torch.zeros(2, 0, 2)) == [[], []]


def test_the_layer_is_an_ordinary_module() -> None:
    crf, scores = crf_of(), random_scores(of_segments=False).detach().double()
    copied, double = copy.deepcopy(crf), copy.deepcopy(crf).double()
    assert copied.decode(scores, MASK) == crf.decode(scores, MASK) == double.decode(scores, MASK)
    assert set(crf.state_dict()) == {"transitions", "start", "end", "length_scores"}
    assert seqlab.SemiMarkovCrf is SemiMarkovCrf


SCORES, ONES = torch.zeros(1, 4, 2), torch.ones(1, 4, dtype=torch.bool)


def loss(segments: Segmentation) -> Any:
    return lambda crf: crf.loss(SCORES, [segments])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda crf: crf.decode(torch.zeros(1, 4, 3)),
            r"shape \(1, 4, 3\); expected \(batch, time, 2\) or \(batch, time, 3, 2\)",
        ),
        (lambda crf: crf.decode(torch.zeros(1, 4, 2, 2)), r"shape \(1, 4, 2, 2\); expected"),
        (lambda crf: crf.decode(SCORES, ONES[:, :2]), r"mask has the shape \(1, 2\); expected \(1, 4\)"),
        (lambda crf: crf.loss(SCORES, []), "segments are of 0 records; expected 1"),
        (loss([(0, 2, 0), (2, 4, 1)]), r"segment \(0, 2, 0\) of record 0 is 2 steps long; expected at most 1, the max_length"),
        (loss([(0, 4, 1)]), "is 4 steps long; expected at most 3"),
        (loss([(0, 1, 1), (2, 4, 1)]), "segment 1 of record 0 starts at 2"),
        (loss([(0, 3, 1)]), "the segments of record 0 end at 3; expected its length, 4"),
        (loss([(0, 1, 2), (1, 4, 1)]), "segment 0 of record 0 has the label 2; expected 0 to 1"),
        (lambda crf: crf.loss(SCORES, [[]], reduction="max"), "reduction is 'max'; expected one of mean, sum, token_mean"),
        (lambda crf: crf.n_best(SCORES, n=0), "n is 0; expected at least 1"),
        (lambda crf: SemiMarkovCrf(0, 2), "n_labels is 0; expected at least 1"),
        (lambda crf: SemiMarkovCrf(2, 0), "max_length is 0; expected a number, at least 1, or one for each of 2 labels"),
        (lambda crf: SemiMarkovCrf(2, [1, 2, 3]), r"max_length is \[1, 2, 3\]; expected"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(crf_of())
