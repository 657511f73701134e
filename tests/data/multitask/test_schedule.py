"""Batches of several data sets: of one set each, in an order that (seed, epoch) alone decide."""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.data.batch import EncodedRecords
from seqlab.data.batching import TrainingBatches, shuffled_batches
from seqlab.data.columns import string_records
from seqlab.data.fields import CategoryField
from seqlab.data.fields.registry import Fields
from seqlab.data.multitask.joined import JoinedRecords
from seqlab.data.multitask.schedule import BY_SIZE, Turns, evaluation_order, training_order
from seqlab.errors import ConfigError
from seqlab.training.datamodule import LabelingData


def records(n_records: int, *, word: str = "w") -> EncodedRecords:
    field = CategoryField(column="tokens", view="identity", min_count=1)
    columns = string_records({"tokens": [[f"{word}{i}"] * (i % 5 + 1) for i in range(n_records)]})
    fields = Fields({field.key: field})
    fields.fit(columns.records)
    return fields.encode(columns.records)


JOINED = JoinedRecords({"large": records(60), "small": records(15, word="v"), "tiny": records(2, word="u")})


def epoch(split: EncodedRecords | JoinedRecords, number: int, *, seed: int = 3, turns: Turns = BY_SIZE) -> list[list[int]]:
    batches = training_order(split, number, max_tokens=12, seed=seed, turns=turns)
    return [rows.tolist() for rows in batches]


def counted(batches: list[list[int]]) -> dict[str, int]:
    names = [JOINED.batch(np.asarray(rows)).data_set for rows in batches]
    return {name: names.count(name) for name in JOINED.parts}


def test_a_batch_names_its_set_and_counts_rows_in_it() -> None:
    batch = JOINED.batch(np.asarray([61, 74]))
    assert batch.data_set == "small"
    assert batch.rows.tolist() == [1, 14]
    assert batch.to(batch.lengths.device).data_set == "small"
    assert batch.lengths.tolist() == JOINED.lengths[[61, 74]].tolist() == [2, 5]


def test_rows_of_two_sets_make_no_batch() -> None:
    with pytest.raises(AssertionError, match=r"rows 59 to 60 are of several data sets"):
        JOINED.batch(np.asarray([60, 59]))


def test_an_epoch_holds_every_record_once_in_batches_of_one_set_in_mixed_order() -> None:
    batches = epoch(JOINED, 0)
    assert sorted(row for rows in batches for row in rows) == list(range(77))
    names = [JOINED.batch(np.asarray(rows)).data_set for rows in batches]
    n_changes = sum(one != other for one, other in pairwise(names))
    assert n_changes > len(JOINED.parts)


def test_the_order_is_that_of_seed_and_epoch() -> None:
    assert epoch(JOINED, 1) == epoch(JOINED, 1)
    assert epoch(JOINED, 1) != epoch(JOINED, 2)
    assert epoch(JOINED, 1) != epoch(JOINED, 1, seed=4)


@pytest.mark.parametrize("turns", [BY_SIZE, Turns(temperature=3.0, weights={"only": 0.2})])
def test_one_set_has_the_batches_of_plain_data(turns: Turns) -> None:
    alone = records(60)
    plain = [rows.tolist() for rows in shuffled_batches(alone.lengths, max_tokens=12, seed=3, epoch=2)]
    assert epoch(JoinedRecords({"only": alone}), 2, turns=turns) == epoch(alone, 2) == plain


def test_ranks_share_the_batches_of_an_epoch() -> None:
    order = partial(training_order, JOINED, max_tokens=12, seed=3, turns=BY_SIZE)
    ranks = [TrainingBatches(order, rank=rank, n_ranks=2) for rank in range(2)]
    for batches in ranks:
        batches.set_epoch(1)
    drawn = [rows.tolist() for pair in zip(*ranks, strict=True) for rows in pair]
    assert drawn[: len(epoch(JOINED, 1))] == epoch(JOINED, 1)


def test_a_higher_temperature_brings_shares_nearer_to_each_other() -> None:
    shares = [counted(epoch(JOINED, 0, turns=Turns(temperature=t, weights={}))) for t in (1.0, 2.0, 1e9)]
    assert shares[0]["large"] > shares[1]["large"] > shares[2]["large"]
    assert max(shares[2].values()) - min(shares[2].values()) <= 1
    assert len({sum(found.values()) for found in shares}) == 1


def test_a_weight_gives_a_set_more_turns_and_new_batches_in_each_pass() -> None:
    turns = Turns(temperature=1.0, weights={"small": 3.0})
    split = JoinedRecords({"large": records(400), "small": records(200, word="v")})
    batches = epoch(split, 0, turns=turns)
    small = [tuple(rows) for rows in batches if min(rows) >= 400]
    n_own = len(shuffled_batches(split.parts["small"].lengths, max_tokens=12, seed=3, epoch=0))
    assert len(small) > n_own
    assert {row for rows in small for row in rows} == set(range(400, 600))
    assert len(set(small)) > n_own


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 10_000), min_size=1), st.floats(0.5, 10.0))
def test_turns_add_up(n_batches: Mapping[str, int], temperature: float) -> None:
    assert BY_SIZE.counts(n_batches) == n_batches
    found = Turns(temperature=temperature, weights={}).counts(n_batches)
    assert min(found.values()) >= 1
    assert sum(n_batches.values()) <= sum(found.values()) <= sum(n_batches.values()) + len(found)


@pytest.mark.parametrize(
    ("temperature", "weights", "message"),
    [
        (0.0, {}, r"data\.temperature is 0\.0; expected a number above 0"),
        (1.0, {"ewt": -1.0}, r"data\.sets\.ewt\.weight is -1\.0"),
        (float("nan"), {}, r"data\.temperature is nan"),
    ],
)
def test_shares_that_are_none_are_refused(temperature: float, weights: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Turns(temperature=temperature, weights=weights)


def test_evaluation_takes_sets_by_turns_and_holds_every_record() -> None:
    batches = [rows.tolist() for rows in evaluation_order(JOINED, max_tokens=12)]
    assert sorted(row for rows in batches for row in rows) == list(range(77))
    assert [JOINED.batch(np.asarray(rows)).data_set for rows in batches[:3]] == ["large", "small", "tiny"]


def test_the_data_module_hands_out_batches_of_one_set() -> None:
    data = LabelingData({"train": JOINED, "val": JOINED}, max_tokens=12, max_eval_tokens=12, seed=3)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        assert {batch.data_set for batch in loader} == set(JOINED.parts)
