"""Segments of the semi-Markov model: which are refused, and their scores as sums of steps."""

import math

import pytest
import torch

from seqlab.functional.semi_markov import (
    Segmentation,
    Segments,
    SemiMarkov,
    best_paths,
    check_segments,
    fill_gaps,
    log_partition,
    negative_log_likelihood,
    path_score,
    segment_sums,
)


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
def test_segments_that_are_no_segmentation_are_refused(random_semi_markov, record: Segmentation, complaint: str) -> None:
    model = random_semi_markov(9, lengths=[2, 4], max_length=3, n_labels=2)
    segments = Segments.of([[(0, 2, 1)], record])
    for refuse in (check_segments, negative_log_likelihood, path_score):
        with pytest.raises(ValueError, match=complaint):
            refuse(model, segments)


def test_paths_and_lengths_are_asked_for_by_a_number(random_semi_markov) -> None:
    with pytest.raises(ValueError, match="n is 0; expected at least 1"):
        best_paths(random_semi_markov(0, lengths=[2], max_length=2, n_labels=2), 0)
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


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [(0, 1, 7), (1, 2, 7), (2, 3, 7), (3, 4, 7)]),
        ([(1, 3, 2)], [(0, 1, 7), (1, 3, 2), (3, 4, 7)]),
        ([(0, 2, 1), (2, 4, 2)], [(0, 2, 1), (2, 4, 2)]),
    ],
)
def test_gaps_are_filled_by_segments_of_one_step(spans: Segmentation, expected: Segmentation) -> None:
    assert fill_gaps(spans, 4, label=7) == expected
    assert fill_gaps([], 0, label=7) == []
