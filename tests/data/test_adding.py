from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqlab.data.sample import AddingReader
from seqlab.errors import ConfigError, DataError

OPTIONS: dict[str, Any] = {"n_steps": 10, "n_digits": 5, "n_train": 200, "n_val": 3, "n_test": 4, "seed": 1}


def records_of(split: str, **options: Any) -> list[dict[str, Any]]:
    return AddingReader(**{**OPTIONS, **options}).read(Path(split)).to_list()


def test_the_label_is_the_sum_of_the_two_marked_digits() -> None:
    for record in records_of("train"):
        digits, marks = np.array(record["frames"]).T
        assert len(digits) == 10
        assert sorted(set(marks)) == [0, 1]
        first, second = np.flatnonzero(marks)
        assert first < 5 <= second
        assert int(record["label"]) == round(4 * (digits[first] + digits[second]))


def test_marks_and_digits_are_everywhere() -> None:
    frames = np.array([record["frames"] for record in records_of("train")])
    assert frames[:, :, 1].any(axis=0).all()
    np.testing.assert_allclose(np.unique(frames[:, :, 0]), np.arange(5) / 4, atol=1e-6)


def test_splits_differ_and_repeat() -> None:
    assert [len(records_of(split)) for split in ("train", "val", "test")] == [200, 3, 4]
    assert records_of("val") == records_of("val")
    assert records_of("val", n_test=3)[0]["frames"] != records_of("test", n_test=3)[0]["frames"]
    assert records_of("val", seed=2) != records_of("val")
    ids = [record["id"] for split in ("train", "val", "test") for record in records_of(split)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("n_steps", 1, r"n_steps is 1; expected 2 or more: set data.reader.n_steps"),
        ("n_digits", 1, r"n_digits is 1"),
        ("n_val", -1, r"n_val is -1; expected 0 or more"),
        ("seed", -1, r"seed is -1"),
    ],
)
def test_bad_options_are_refused(option: str, value: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        records_of("train", **{option: value})


def test_another_split_is_refused() -> None:
    with pytest.raises(DataError, match=r"dev: no split of the adding problem; expected train, val, test"):
        records_of("dev")
