"""Frames have room for the labels spoken in them."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeAlias

Columns: TypeAlias = Callable[..., dict[str, list[Any]]]


def test_frames_are_wide_enough_and_long_enough_for_their_labels(columns: Columns) -> None:
    rows = columns("frames", "train", 100)
    assert {len(frame) for frames in rows["frames"] for frame in frames} == {10}
    for frames, labels in zip(rows["frames"], rows["labels"], strict=True):
        n_repeats = sum(left == right for left, right in pairwise(labels))
        assert len(frames) >= 3 * len(labels) >= len(labels) + n_repeats
    assert len({label for labels in rows["labels"] for label in labels}) == 12


def test_frames_of_one_utterance_vary_in_duration(columns: Columns) -> None:
    rows = columns("frames", "train", 100)
    rates = {len(f) / len(labels) for f, labels in zip(rows["frames"], rows["labels"], strict=True)}
    assert min(rates) < 4 < 5 < max(rates)
