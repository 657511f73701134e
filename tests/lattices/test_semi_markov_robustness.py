"""The semi-Markov model where sums go wrong: padding, batch-mates, extreme scores, low precision, long records, segments."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from seqlab.lattices import linear_chain, semi_markov
from seqlab.lattices.linear_chain import Chain
from seqlab.lattices.semi_markov import (
    Segmentation,
    Segments,
    SemiMarkov,
    best_paths,
    check_segments,
    entropy,
    log_partition,
    marginals,
    negative_log_likelihood,
    path_score,
    sample,
    segment_sums,
    viterbi,
)


def random_model(seed: int, *, lengths: list[int], max_length: int, n_labels: int, scale: float = 1.0) -> SemiMarkov:
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


def with_scores(model: SemiMarkov, scores: list[Tensor]) -> SemiMarkov:
    return SemiMarkov(scores[0], model.lengths, *scores[1:])


def cast(model: SemiMarkov, dtype: torch.dtype) -> SemiMarkov:
    return with_scores(model, [each.to(dtype) for each in model.all_scores])


def cut(model: SemiMarkov, size: int) -> list[Segmentation]:
    """Return each record in segments of `size` steps, the last as short as need be; labels take turns."""
    n_labels = len(model.start)
    return [
        [(begin, min(begin + size, length), begin // size % n_labels) for begin in range(0, length, size)]
        for length in model.lengths.tolist()
    ]


def learn(model: SemiMarkov, segments: Segments) -> tuple[Tensor, list[Tensor]]:
    """Return the losses, and the gradients of their sum."""
    scores = [each.detach().clone().requires_grad_() for each in model.all_scores]
    losses = negative_log_likelihood(with_scores(model, scores), segments)
    return losses.detach(), list(torch.autograd.grad(losses.sum(), scores))


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_segments_of_one_step_are_a_linear_chain(scale: float) -> None:
    model = random_model(0, lengths=[6, 0, 1, 4], max_length=1, n_labels=3, scale=scale)
    chain = Chain(model.scores[:, :, 0], model.lengths, model.transitions, model.start, model.end)
    close = {"rtol": 1e-12, "atol": 1e-10}
    torch.testing.assert_close(log_partition(model), linear_chain.log_partition(chain), **close)
    torch.testing.assert_close(marginals(model)[:, :, 0], linear_chain.marginals(chain), **close)
    torch.testing.assert_close(entropy(model), linear_chain.entropy(chain), **close)
    tags, scores = linear_chain.best_paths(chain, 4)
    log_probs = scores - linear_chain.log_partition(chain)[:, None]
    paths, found = best_paths(model, 4)
    torch.testing.assert_close(found, log_probs, **close)
    for record, length in enumerate(model.lengths.tolist()):
        n_allowed = int((scores[record] > -math.inf).sum())
        labels = [[label for _, _, label in path] for path in paths[record][:n_allowed]]
        assert labels == tags[record, :n_allowed, :length].tolist()
    best, best_scores = viterbi(model)
    torch.testing.assert_close(best_scores, linear_chain.viterbi(chain)[1], **close)
    gold = linear_chain.viterbi(chain)[0]
    torch.testing.assert_close(
        negative_log_likelihood(model, Segments.of(best)), linear_chain.negative_log_likelihood(chain, gold), **close
    )


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf, 1e30])
def test_padding_changes_nothing(garbage: float) -> None:
    model = random_model(1, lengths=[6, 0, 2, 5], max_length=3, n_labels=3)
    segments = Segments.of(cut(model, 2))
    padded = replace(model, scores=pad(model.scores, (0, 0, 0, 0, 0, 3)))
    real = [[[d <= t < length for d in range(3)] for t in range(9)] for length in (6, 0, 2, 5)]
    is_padding = ~torch.tensor(real)
    padded = replace(padded, scores=padded.scores.masked_fill(is_padding[..., None], garbage))
    wide = [pad(each.masked_fill(~segments.mask, -100), (0, 7), value=-1) for each in (segments.starts, segments.ends)]
    padded_segments = Segments(*wide, pad(segments.labels, (0, 7), value=99), segments.counts)

    losses, gradients = learn(model, segments)
    padded_losses, padded_gradients = learn(padded, padded_segments)
    torch.testing.assert_close(padded_losses, losses)
    torch.testing.assert_close(padded_gradients[0][:, :6], gradients[0])
    assert not padded_gradients[0][is_padding].any()
    torch.testing.assert_close(padded_gradients[1:], gradients[1:])
    torch.testing.assert_close(path_score(padded, padded_segments), path_score(model, segments))
    torch.testing.assert_close(marginals(padded)[:, :6], marginals(model))
    torch.testing.assert_close(entropy(padded), entropy(model))
    assert viterbi(padded)[0] == viterbi(model)[0]
    assert best_paths(padded, 3)[0] == best_paths(model, 3)[0]
    assert all(path[-1][1] == 5 for path in sample(padded, 4)[3])


@pytest.mark.parametrize("scale", [1.0, 400.0])
def test_batch_mates_change_nothing(scale: float) -> None:
    lengths = [7, 3, 0, 1, 5]
    model = random_model(2, lengths=lengths, max_length=3, n_labels=3, scale=scale)
    paths = cut(model, 3)
    together, gradients = learn(model, Segments.of(paths))
    total = [torch.zeros_like(scores) for scores in model.all_scores[1:]]
    for record, length in enumerate(lengths):
        alone = replace(model, scores=model.scores[record, None, :length], lengths=torch.tensor([length]))
        losses, own = learn(alone, Segments.of([paths[record]]))
        torch.testing.assert_close(losses[0], together[record])
        torch.testing.assert_close(own[0][0], gradients[0][record, :length])
        assert viterbi(alone)[0][0] == viterbi(model)[0][record]
        torch.testing.assert_close(entropy(alone)[0], entropy(model)[record])
        total = [sum_ + each for sum_, each in zip(total, own[1:], strict=True)]
    torch.testing.assert_close(gradients[1:], total)


def test_nan_stays_in_its_record() -> None:
    model = random_model(3, lengths=[4, 4, 2], max_length=2, n_labels=2)
    expected = log_partition(model)
    model.scores[1, 2, 0, 0] = math.nan
    values = log_partition(model)
    assert values[1].isnan()
    assert torch.equal(values[[0, 2]], expected[[0, 2]])


def test_no_allowed_segmentation_gives_minus_inf_and_gradients_of_0() -> None:
    # Segments of two steps alone are allowed: three steps, and one, cannot be cut into them.
    model = random_model(4, lengths=[3, 1, 0, 4], max_length=2, n_labels=2)
    model.scores[:, :, 0] = -math.inf
    scores = [each.requires_grad_() for each in model.all_scores]
    values = log_partition(model)
    assert values[:3].tolist() == [-math.inf, -math.inf, 0.0]
    assert values[3].isfinite()
    assert not marginals(model)[:3].any()
    for gradient in torch.autograd.grad(values[:3].sum(), scores):
        assert torch.equal(gradient, torch.zeros_like(gradient))
    losses = negative_log_likelihood(model, Segments.of(cut(model, 1)))
    assert losses.tolist() == [math.inf, math.inf, 0.0, math.inf]
    for gradient in torch.autograd.grad(losses.sum(), scores):
        assert gradient.isfinite().all()
    best, best_scores = viterbi(model)
    assert best[:3] == [[], [], []]
    assert [(begin, end) for begin, end, _ in best[3]] == [(0, 2), (2, 4)]
    assert best_scores[:3].tolist() == [-math.inf, -math.inf, 0.0]
    assert entropy(model).isnan().tolist() == [True, True, False, False]
    assert sample(model, 2)[0] == [[], []]


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 2, 2)])
def test_a_batch_without_steps_has_only_empty_segmentations(shape: tuple[int, int, int, int]) -> None:
    model = SemiMarkov(
        torch.full(shape, math.nan), torch.zeros(shape[0]).long(), torch.ones(2, 2), torch.ones(2), torch.ones(2)
    )
    nothing, zeros = [[] for _ in range(shape[0])], torch.zeros(shape[0])
    losses, gradients = learn(model, Segments.of(nothing))
    assert torch.equal(losses, zeros)
    for gradient, scores in zip(gradients, model.all_scores, strict=True):
        assert torch.equal(gradient, torch.zeros_like(scores))
    assert torch.equal(log_partition(model), zeros)
    assert torch.equal(path_score(model, Segments.of(nothing)), zeros)
    assert torch.equal(marginals(model), torch.zeros(shape))
    assert torch.equal(entropy(model), zeros)
    assert viterbi(model)[0] == nothing
    assert torch.equal(viterbi(model)[1], zeros)
    assert sample(model, 2) == [[[], []] for _ in nothing]
    assert best_paths(model, 2)[1].tolist() == [[0.0, -math.inf] for _ in nothing]


def test_very_negative_scores_are_scores() -> None:
    """Where every segmentation must take a transition of -10,000, the partition and the gradient count it."""
    model = SemiMarkov(
        scores=torch.zeros(1, 4, 2, 1).double(),
        lengths=torch.tensor([4]),
        transitions=torch.tensor([[-10_000.0]]).double().requires_grad_(),
        start=torch.zeros(1).double(),
        end=torch.zeros(1).double(),
    )
    values = log_partition(model)
    assert values.item() == -10_000.0
    assert torch.autograd.grad(values.sum(), model.transitions)[0].item() == 1.0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_low_precision_scores_are_summed_as_the_numbers_they_are(dtype: torch.dtype) -> None:
    low = cast(random_model(5, lengths=[200, 7], max_length=4, n_labels=2), dtype)
    segments = Segments.of(cut(low, 3))
    losses, gradients = learn(low, segments)
    assert losses.dtype == log_partition(low).dtype == marginals(low).dtype == torch.float32
    same_losses, same_gradients = learn(cast(low, torch.float64), segments)
    torch.testing.assert_close(losses.double(), same_losses, rtol=1e-6, atol=0.0)
    for found, expected in zip(gradients, same_gradients, strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected.to(dtype))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_long_records_lose_nothing_in_low_precision(dtype: torch.dtype) -> None:
    low = cast(random_model(5, lengths=[10_000, 7], max_length=4, n_labels=2), dtype)
    single, segments = cast(low, torch.float32), Segments.of(cut(low, 3))
    expected = negative_log_likelihood(single, segments)
    torch.testing.assert_close(negative_log_likelihood(low, segments), expected, rtol=1e-6, atol=0.0)
    assert (expected > 1_000).tolist() == [True, False]


def test_long_records_are_summed_exactly() -> None:
    """Of n steps in segments of one or two there are as many as the Fibonacci number of n + 1."""
    n_steps = 10_000
    model = SemiMarkov(
        torch.zeros(1, n_steps, 2, 1), torch.tensor([n_steps]), torch.zeros(1, 1), torch.zeros(1), torch.zeros(1)
    )
    golden = (1 + math.sqrt(5)) / 2
    expected = (n_steps + 1) * math.log(golden) - math.log(5) / 2
    exact = SemiMarkov(model.scores.double(), model.lengths, *(each.double() for each in model.all_scores[1:]))
    torch.testing.assert_close(log_partition(exact)[0].item(), expected, rtol=1e-12, atol=0.0)
    # In the middle, a step ends a segment of one step, or of two, as often as golden**-1 and golden**-2 have it.
    share = golden / math.sqrt(5)
    middle = torch.tensor([share / golden, share / golden**2], dtype=torch.float64)
    torch.testing.assert_close(marginals(exact)[0, n_steps // 2, :, 0], middle, rtol=1e-12, atol=0.0)


def test_autocast_changes_nothing() -> None:
    model = cast(random_model(6, lengths=[9, 4, 0], max_length=3, n_labels=3, scale=5.0), torch.float32)
    segments = Segments.of(cut(model, 2))
    expected, expected_gradients = learn(model, segments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses, gradients = learn(model, segments)
        of_autocast = entropy(model)
    assert torch.equal(losses, expected)
    assert all(map(torch.equal, gradients, expected_gradients))
    assert torch.equal(of_autocast, entropy(model))


def test_no_gradient_is_kept_where_none_is_asked_for() -> None:
    model = random_model(7, lengths=[3, 2], max_length=2, n_labels=2)
    model.transitions.requires_grad_()
    segments = Segments.of(cut(model, 2))
    assert log_partition(model).requires_grad
    assert not marginals(model).requires_grad
    with torch.no_grad():
        assert not negative_log_likelihood(model, segments).requires_grad


def test_the_same_seed_draws_the_same_samples() -> None:
    model = random_model(8, lengths=[6, 2], max_length=3, n_labels=2)
    first, second, other = (sample(model, 10, generator=torch.Generator().manual_seed(seed)) for seed in (2, 2, 3))
    assert first == second != other


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ([(0, 4, 0)], "segment 0 of record 1 is 4 steps long; expected at most max_length, 3; split the segment"),
        ([(0, 1, 0), (2, 4, 0)], "segment 1 of record 1 starts at 2; expected the end of the one before"),
        ([(1, 4, 0)], "segment 0 of record 1 starts at 1; expected the end of the one before, or 0"),
        ([(0, 2, 0), (2, 2, 0), (2, 4, 0)], "segment 1 of record 1 is 0 steps long; expected at least 1"),
        ([(0, 2, 0), (2, 4, 2)], "segment 1 of record 1 has the label 2; expected 0 to 1"),
        ([(0, 2, 0), (2, 4, -1)], "segment 1 of record 1 has the label -1; expected 0 to 1"),
        ([(0, 3, 0)], "the segments of record 1 end at 3; expected its length, 4"),
        ([], "the segments of record 1 end at 0; expected its length, 4"),
    ],
)
def test_segments_that_are_no_segmentation_are_refused(record: Segmentation, complaint: str) -> None:
    model = random_model(9, lengths=[2, 4], max_length=3, n_labels=2)
    segments = Segments.of([[(0, 2, 1)], record])
    for refuse in (check_segments, negative_log_likelihood, path_score):
        with pytest.raises(ValueError, match=complaint):
            refuse(model, segments)


def test_paths_and_lengths_are_asked_for_by_a_number() -> None:
    with pytest.raises(ValueError, match="n is 0; expected at least 1"):
        best_paths(random_model(0, lengths=[2], max_length=2, n_labels=2), 0)
    with pytest.raises(ValueError, match="max_length is 0; expected at least 1"):
        segment_sums(torch.zeros(1, 2, 1), 0)


def test_segment_sums_are_those_of_the_steps() -> None:
    steps = torch.tensor([[[1.0, 100.0], [2.0, -math.inf], [4.0, 400.0], [8.0, 800.0]]])
    sums = segment_sums(steps, 3)
    assert sums[0, :, :, 0].tolist() == [[1.0, 1.0, 1.0], [2.0, 3.0, 3.0], [4.0, 6.0, 7.0], [8.0, 12.0, 14.0]]
    assert sums[0, 3, :, 1].tolist() == [800.0, 1200.0, -math.inf]
    assert segment_sums(torch.zeros(2, 0, 3), 2).shape == (2, 0, 2, 3)
    assert segment_sums(steps.bfloat16(), 3).dtype == torch.float32


def test_segment_sums_keep_small_scores_after_large_ones() -> None:
    steps = torch.tensor([1e8, 1.0, 2.0])[None, :, None]
    assert segment_sums(steps, 2)[0, 2, 1].item() == 3.0


def test_gradients_of_segment_sums_pass_by_garbage_at_padding() -> None:
    steps = torch.tensor([[0.5, 1.5, math.nan], [2.0, math.inf, math.nan]])[..., None].requires_grad_()
    ends = torch.zeros(1)
    values = log_partition(SemiMarkov(segment_sums(steps, 2), torch.tensor([2, 1]), torch.zeros(1, 1), ends, ends))
    torch.testing.assert_close(values.detach(), torch.tensor([2.0 + math.log(2.0), 2.0]))
    found = torch.autograd.grad(values.sum(), steps)[0][..., 0]
    torch.testing.assert_close(found, torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_finds_the_same() -> None:
    model = random_model(10, lengths=[9, 3, 0], max_length=3, n_labels=3)
    paths = cut(model, 2)
    on_gpu = replace(with_scores(model, [each.cuda() for each in model.all_scores]), lengths=model.lengths.cuda())
    expected, found = learn(model, Segments.of(paths)), learn(on_gpu, Segments.of(paths, device=torch.device("cuda")))
    torch.testing.assert_close(found[0].cpu(), expected[0])
    torch.testing.assert_close([gradient.cpu() for gradient in found[1]], expected[1])
    assert viterbi(on_gpu)[0] == viterbi(model)[0]
    torch.testing.assert_close(entropy(on_gpu).cpu(), entropy(model))
    assert [path[-1][1] for path in sample(on_gpu, 3)[0]] == [9, 9, 9]


def test_public_names_are_all_there() -> None:
    assert all(hasattr(semi_markov, name) for name in semi_markov.__all__)
