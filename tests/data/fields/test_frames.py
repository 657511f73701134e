from typing import Any

import datasets
import numpy as np
import pytest

from seqlab.data.columns import Columns, string_records
from seqlab.data.fields import FramesField
from seqlab.errors import DataError

ROWS = [[[1.0, 10.0], [3.0, 10.0]], [], [[5.0, 10.0]]]


def columns(rows: list[Any]) -> Columns:
    return string_records({"id": [f"r{i}" for i in range(len(rows))], "frames": rows})


def fitted() -> FramesField:
    field = FramesField(column="frames")
    field.fit(columns(ROWS))
    return field


def test_frames_are_scaled_to_mean_zero_and_deviation_one_of_training() -> None:
    field = fitted()
    assert field.width == 2
    found = field.encode(columns(ROWS)).collate(np.arange(3))
    assert found.shape == (3, 2, 2)
    real = np.concatenate([found[0].numpy(), found[2, :1].numpy()])
    np.testing.assert_allclose(real.mean(0), [0, 0], atol=1e-6)
    np.testing.assert_allclose(real.std(0), [1, 0], atol=1e-6)
    assert not found[1].any()
    assert not found[2, 1].any()


def test_other_records_are_scaled_by_training() -> None:
    deviation = float(np.std([1, 3, 5]))
    found = fitted().encode(columns([[[3.0 + deviation, 10.0]]])).collate(np.arange(1))
    np.testing.assert_allclose(found.numpy(), [[[1.0, 0.0]]], atol=1e-6)


@pytest.mark.parametrize("kind", ["list", "fixed", "large"])
def test_every_arrow_type_of_frames_is_read(kind: str) -> None:
    inner = {
        "list": datasets.List(datasets.Value("float32")),
        "fixed": datasets.List(datasets.Value("float64"), length=2),
        "large": datasets.List(datasets.Value("int32")),
    }[kind]
    records = datasets.Dataset.from_dict({"frames": ROWS}, features=datasets.Features({"frames": datasets.List(inner)}))
    found = fitted().encode(Columns(records)).collate(np.arange(3))
    np.testing.assert_array_equal(found.numpy(), fitted().encode(columns(ROWS)).collate(np.arange(3)).numpy())


def test_selected_records_are_theirs() -> None:
    whole = columns([[[9.0, 9.0]], *ROWS])
    part = Columns(whole.records.select([1, 3]))
    found = fitted().encode(part)
    assert found.lengths.tolist() == [2, 1]
    expected = fitted().encode(columns([ROWS[0], ROWS[2]])).collate(np.arange(2))
    np.testing.assert_array_equal(found.collate(np.arange(2)).numpy(), expected.numpy())


def test_records_without_any_frame_are_encoded() -> None:
    found = fitted().encode(columns([[], []]))
    assert found.lengths.tolist() == [0, 0]
    assert found.collate(np.arange(2)).shape == (2, 1, 2)


def test_training_without_any_frame_is_refused() -> None:
    with pytest.raises(DataError, match=r"column 'frames' has no frame in the training records"):
        FramesField(column="frames").fit(columns([[], []]))


def test_another_width_than_in_training_is_refused() -> None:
    with pytest.raises(DataError, match=r"column 'frames' has frames of 3 numbers; training had 2"):
        fitted().encode(columns([[[1.0, 2.0, 3.0]]]))


def test_frames_of_several_widths_are_refused() -> None:
    with pytest.raises(DataError, match=r"'r1' has a frame in column 'frames' of 1 numbers; expected 2, as in the"):
        fitted().encode(columns([[[1.0, 2.0]], [[1.0, 2.0], [3.0]]]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused_by_record(value: float) -> None:
    with pytest.raises(DataError, match=r"record 'r1' .*column 'frames' .*(nan|inf)"):
        fitted().encode(columns([[[1.0, 2.0]], [[1.0, value]]]))


@pytest.mark.parametrize("rows", [["text"], [["text"]], [[1.0, 2.0]], [3]])
def test_a_column_that_holds_no_frames_is_refused(rows: list[Any]) -> None:
    with pytest.raises(DataError, match=r"column 'frames' holds .*; expected"):
        fitted().encode(string_records({"frames": rows}))
