from collections import Counter
from pathlib import Path

import pytest

from seqlab.data.splits import HashedSplits, known_split, split_paths, split_sources
from seqlab.errors import ConfigError, DataError

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
NAMES = [f"name-{i}" for i in range(4000)]


def test_names_are_shared_out_as_asked() -> None:
    splits = HashedSplits(SHARES, seed=1)
    counts = Counter(map(splits.owner, NAMES))
    assert {split: counts[split] / len(NAMES) for split in SHARES} == pytest.approx(SHARES, abs=0.03)


def test_owners_are_the_same_everywhere() -> None:
    splits = HashedSplits({"train": 0.5, "val": 0.25, "test": 0.25}, seed=1)
    assert [splits.owner(name) for name in ("ada", "Ada", "zürich", "", "kiel", "rain")] == [
        "val",
        "test",
        "train",
        "train",
        "test",
        "train",
    ]


def test_another_seed_gives_other_owners() -> None:
    first, second = (HashedSplits(SHARES, seed=seed) for seed in (1, 2))
    assert [first.owner(name) for name in NAMES] != [second.owner(name) for name in NAMES]


def test_a_split_may_get_nothing_or_all() -> None:
    splits = HashedSplits({"test": 1.0, "train": 0.0, "val": 0.0}, seed=1)
    assert set(map(splits.owner, NAMES)) == {"test"}


@pytest.mark.parametrize(
    "shares",
    [{}, {"train": 1.0}, {**SHARES, "dev": 0.0}, {**SHARES, "test": 0.3}, {"train": 1.5, "val": -0.5, "test": 0.0}],
    ids=["none", "missing", "another", "too much", "negative"],
)
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"shares is \{.*\}; expected train, val, test, together 1: set data.reader.shares"):
        HashedSplits(shares, seed=1)


def test_splits_are_known_by_name() -> None:
    assert known_split("val", corpus="the corpus") == "val"
    with pytest.raises(DataError, match=r"dev: no split of the corpus; expected train, val, test: set data.splits"):
        known_split("dev", corpus="the corpus")


def test_names_of_digits_are_paths() -> None:
    config = {"dir": 2024, "splits": {"train": 1, "val": None, "test": "x"}}
    assert split_paths(config) == {"train": Path("2024/1"), "test": Path("2024/x")}
    assert split_sources(config)["val"] == "val (held out of 2024/1)"


@pytest.mark.parametrize(("change", "name"), [({"dir": True}, "dir"), ({"splits": {"train": [1]}}, "splits.train")])
def test_names_that_are_no_paths_are_refused(change: dict[str, object], name: str) -> None:
    with pytest.raises(ConfigError, match=rf"data.{name} is .*; expected a path, or null for none"):
        split_paths({"dir": None, "splits": {}} | change)
