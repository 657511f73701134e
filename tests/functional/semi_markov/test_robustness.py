"""The semi-Markov model where sums go wrong: padding, batch-mates, records without an allowed segmentation or without steps."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import pad

from seqlab.functional import linear_chain, semi_markov
from seqlab.functional.linear_chain import Chain
from seqlab.functional.semi_markov import (
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


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_segments_of_one_step_are_a_linear_chain(random_semi_markov, scale: float) -> None:
    model = random_semi_markov(0, lengths=[6, 0, 1, 4], max_length=1, n_labels=3, scale=scale)
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
def test_padding_changes_nothing(random_semi_markov, cut, learn, garbage: float) -> None:
    model = random_semi_markov(1, lengths=[6, 0, 2, 5], max_length=3, n_labels=3)
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
def test_batch_mates_change_nothing(random_semi_markov, cut, learn, scale: float) -> None:
    lengths = [7, 3, 0, 1, 5]
    model = random_semi_markov(2, lengths=lengths, max_length=3, n_labels=3, scale=scale)
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


def test_nan_stays_in_its_record(random_semi_markov) -> None:
    model = random_semi_markov(3, lengths=[4, 4, 2], max_length=2, n_labels=2)
    expected = log_partition(model)
    model.scores[1, 2, 0, 0] = math.nan
    values = log_partition(model)
    assert values[1].isnan()
    assert torch.equal(values[[0, 2]], expected[[0, 2]])


def test_no_allowed_segmentation_gives_minus_inf_and_gradients_of_0(random_semi_markov, cut) -> None:
    # Segments of two steps alone are allowed: three steps, and one, cannot be cut into them.
    model = random_semi_markov(4, lengths=[3, 1, 0, 4], max_length=2, n_labels=2)
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
def test_a_batch_without_steps_has_only_empty_segmentations(learn, shape: tuple[int, int, int, int]) -> None:
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


def test_no_gradient_is_kept_where_none_is_asked_for(random_semi_markov, cut) -> None:
    model = random_semi_markov(7, lengths=[3, 2], max_length=2, n_labels=2)
    model.transitions.requires_grad_()
    segments = Segments.of(cut(model, 2))
    assert log_partition(model).requires_grad
    assert not marginals(model).requires_grad
    with torch.no_grad():
        assert not negative_log_likelihood(model, segments).requires_grad


def test_the_same_seed_draws_the_same_samples(random_semi_markov) -> None:
    model = random_semi_markov(8, lengths=[6, 2], max_length=3, n_labels=2)
    first, second, other = (sample(model, 10, generator=torch.Generator().manual_seed(seed)) for seed in (2, 2, 3))
    assert first == second != other


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_finds_the_same(random_semi_markov, cut, learn) -> None:
    model = random_semi_markov(10, lengths=[9, 3, 0], max_length=3, n_labels=3)
    paths = cut(model, 2)
    scores, *others = (each.cuda() for each in model.all_scores)
    on_gpu = SemiMarkov(scores, model.lengths.cuda(), *others)
    expected, found = learn(model, Segments.of(paths)), learn(on_gpu, Segments.of(paths, device=torch.device("cuda")))
    torch.testing.assert_close(found[0].cpu(), expected[0])
    torch.testing.assert_close([gradient.cpu() for gradient in found[1]], expected[1])
    assert viterbi(on_gpu)[0] == viterbi(model)[0]
    torch.testing.assert_close(entropy(on_gpu).cpu(), entropy(model))
    assert [path[-1][1] for path in sample(on_gpu, 3)[0]] == [9, 9, 9]


def test_public_names_are_all_there() -> None:
    assert all(hasattr(semi_markov, name) for name in semi_markov.__all__)
