import functools
import operator
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.data.batching import TrainingBatches, shuffled_batches, sorted_batches, token_batches
from seqlab.errors import ConfigError

LENGTHS = st.lists(st.integers(0, 30), max_size=60).map(lambda lengths: np.asarray(lengths, dtype=np.int64))
BUDGETS = st.integers(1, 80)


def training(lengths: np.ndarray, *, seed: int = 1, rank: int = 0, n_ranks: int = 1, max_tokens: int = 40) -> TrainingBatches:
    def order(epoch: int) -> list[np.ndarray]:
        return shuffled_batches(lengths, max_tokens=max_tokens, seed=seed, epoch=epoch)

    return TrainingBatches(order, rank=rank, n_ranks=n_ranks)


def listed(batches: TrainingBatches, epoch: int) -> list[list[int]]:
    batches.set_epoch(epoch)
    return [rows.tolist() for rows in batches]


def assert_within_budget(batches: list[np.ndarray], lengths: np.ndarray, max_tokens: int) -> None:
    for rows in batches:
        padded = len(rows) * max(1, int(lengths[rows].max()))
        assert padded <= max_tokens or len(rows) == 1


@given(LENGTHS, BUDGETS)
def test_sorted_batches_hold_every_record_once_within_the_budget(lengths: np.ndarray, max_tokens: int) -> None:
    batches = sorted_batches(lengths, max_tokens=max_tokens)
    rows = [row for batch in batches for row in batch.tolist()]
    assert sorted(rows) == list(range(len(lengths)))
    assert lengths[rows].tolist() == sorted(lengths.tolist(), reverse=True)
    assert_within_budget(batches, lengths, max_tokens)


@given(LENGTHS, BUDGETS, st.integers(0, 5), st.integers(0, 5))
def test_shuffled_batches_hold_every_record_once_within_the_budget(
    lengths: np.ndarray, max_tokens: int, seed: int, epoch: int
) -> None:
    batches = shuffled_batches(lengths, max_tokens=max_tokens, seed=seed, epoch=epoch)
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(len(lengths)))
    assert_within_budget(batches, lengths, max_tokens)


def test_token_batches_fill_the_budget() -> None:
    lengths = np.asarray([4, 4, 4, 4, 4])
    batches = token_batches(lengths, order=np.arange(5), max_tokens=8)
    assert [batch.tolist() for batch in batches] == [[0, 1], [2, 3], [4]]


def test_padding_counts_towards_the_budget() -> None:
    lengths = np.asarray([1, 1, 1, 9])
    batches = token_batches(lengths, order=np.arange(4), max_tokens=12)
    assert [batch.tolist() for batch in batches] == [[0, 1, 2], [3]]


def test_a_record_longer_than_the_budget_stands_alone() -> None:
    lengths = np.asarray([2, 50, 2])
    batches = token_batches(lengths, order=np.arange(3), max_tokens=8)
    assert [batch.tolist() for batch in batches] == [[0], [1], [2]]


def test_empty_records_count_as_one_step() -> None:
    batches = token_batches(np.zeros(5, dtype=np.int64), order=np.arange(5), max_tokens=2)
    assert [len(batch) for batch in batches] == [2, 2, 1]


def test_a_budget_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"max_tokens is 0; expected at least 1"):
        sorted_batches(np.asarray([1]), max_tokens=0)


def test_batches_hold_records_of_similar_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 40, size=400)
    batches = shuffled_batches(lengths, max_tokens=200, seed=1, epoch=0)
    padded = sum(len(rows) * int(lengths[rows].max()) for rows in batches)
    shuffled = token_batches(lengths, order=np.random.default_rng(1).permutation(400), max_tokens=200)
    padded_without_sorting = sum(len(rows) * int(lengths[rows].max()) for rows in shuffled)
    assert padded < 1.15 * lengths.sum()
    assert padded_without_sorting > 1.4 * lengths.sum()


def test_batches_do_not_come_in_order_of_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 40, size=400)
    longest = [int(lengths[rows].max()) for rows in shuffled_batches(lengths, max_tokens=200, seed=1, epoch=0)]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))


def test_order_is_a_pure_function_of_seed_epoch_and_rank() -> None:
    lengths = np.random.default_rng(0).integers(0, 12, size=50)
    reference = {
        (seed, epoch, rank): listed(training(lengths, seed=seed, rank=rank, n_ranks=2), epoch)
        for seed in (0, 1)
        for epoch in (0, 1)
        for rank in (0, 1)
    }
    np.random.default_rng(3).random(7)
    for (seed, epoch, rank), batches in reversed(reference.items()):
        sampler = training(lengths, seed=seed, rank=rank, n_ranks=2)
        listed(sampler, 5)
        assert listed(sampler, epoch) == batches
    assert len({str(batches) for batches in reference.values()}) == len(reference)


def test_each_epoch_makes_new_batches_of_the_same_records() -> None:
    sampler = training(np.random.default_rng(0).integers(1, 12, size=50))
    first, second = listed(sampler, 0), listed(sampler, 1)
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}
    for batches in (first, second):
        assert sorted(functools.reduce(operator.iadd, batches, [])) == list(range(50))


@given(LENGTHS.filter(len), st.integers(1, 4), st.integers(0, 3))
def test_ranks_share_all_records_and_have_as_many_batches_each(lengths: np.ndarray, n_ranks: int, epoch: int) -> None:
    shares = [listed(training(lengths, rank=rank, n_ranks=n_ranks), epoch) for rank in range(n_ranks)]
    whole = listed(training(lengths), epoch)
    assert len({len(share) for share in shares}) == 1
    drawn = Counter(tuple(batch) for share in shares for batch in share)
    assert set(drawn) == {tuple(batch) for batch in whole}
    n_extra = sum(drawn.values()) - len(whole)
    assert 0 <= n_extra < n_ranks


@given(LENGTHS, st.integers(1, 3), st.integers(0, 3))
def test_length_is_the_number_of_batches(lengths: np.ndarray, n_ranks: int, epoch: int) -> None:
    sampler = training(lengths, n_ranks=n_ranks)
    assert len(listed(sampler, epoch)) == len(sampler)
