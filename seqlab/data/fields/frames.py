"""Frames: a vector of real numbers at each step."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import EncodedColumn, Field
from seqlab.errors import DataError


@final
class EncodedFrames(EncodedColumn):
    """One vector a step."""

    def __init__(self, frames: Ragged) -> None:
        self.frames = frames
        self.lengths = frames.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Tensor:
        """Return frames (batch, time, feature), zero on padding."""
        return torch.from_numpy(self.frames.padded(rows, padding=0.0))


class NumbersField(Field):
    """A vector of real numbers at each step, wherever they come from; encodes its column as `EncodedFrames`."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers of a step."""


@final
@dataclass
class FramesField(NumbersField):
    """Real-valued frames, scaled to the mean 0 and deviation 1 that each feature has in training."""

    column: str
    mean: np.ndarray = field(init=False, repr=False)
    deviation: np.ndarray = field(init=False, repr=False)

    @property
    def width(self) -> int:
        """Features of a frame."""
        return len(self.mean)

    def fit(self, columns: Columns) -> None:
        """Measure each feature's mean and standard deviation."""
        frames = self._frames(columns).values
        if not len(frames):
            raise DataError(f"column {self.column!r} has no frame in the training records")
        self.mean = frames.mean(0)
        self.deviation = np.maximum(frames.std(0), 1e-6)

    def encode(self, columns: Columns) -> EncodedFrames:
        """Return the scaled frames.

        Raises: DataError when frames have another width than in training.
        """
        frames = self._frames(columns)
        values = frames.values if len(frames.values) else np.zeros((0, self.width), dtype=np.float32)
        if values.shape[1] != self.width:
            raise DataError(f"column {self.column!r} has frames of {values.shape[1]} numbers; training had {self.width}")
        scaled = ((values - self.mean) / self.deviation).astype(np.float32)
        return EncodedFrames(Ragged(scaled, frames.offsets))

    def state(self) -> Mapping[str, Any]:
        """Return each feature's mean and deviation."""
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over means and deviations."""
        self.mean = np.asarray(state["mean"], dtype=np.float32)
        self.deviation = np.asarray(state["deviation"], dtype=np.float32)

    def _frames(self, columns: Columns) -> Ragged:
        """Return the frames as they are in the records.

        Raises: DataError for a column of something else, for frames of several widths, and for numbers that are none.
        """
        array = columns.arrow(self.column)
        if not _is_list(array.type) or not _is_list(array.type.value_type, or_null=True):
            raise DataError(f"column {self.column!r} holds {array.type}; expected a list of frames, each a list of numbers")
        offsets = np.asarray(array.offsets, dtype=np.int64)
        rows = array.flatten()
        if not len(rows):
            return Ragged(np.zeros((0, 0), dtype=np.float32), offsets - offsets[0])
        try:
            values = rows.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        except ValueError as error:
            raise DataError(f"column {self.column!r} holds {array.type}; expected frames of numbers ({error})") from error
        widths = np.diff(np.asarray(rows.offsets)) if hasattr(rows, "offsets") else np.asarray([rows.type.list_size])
        if widths.min() != widths.max():
            found = f"{widths.min()} to {widths.max()}"
            raise DataError(f"column {self.column!r} has frames of {found} numbers; expected one width")
        frames = Ragged(values.reshape(-1, int(widths[0])), offsets - offsets[0])
        self._refuse_infinite(frames, columns)
        return frames

    def _refuse_infinite(self, frames: Ragged, columns: Columns) -> None:
        is_finite = np.isfinite(frames.values).all(1)
        if is_finite.all():
            return
        step = int(np.argmin(is_finite))
        row = int(np.searchsorted(frames.offsets, step, side="right")) - 1
        raise DataError(
            f"{columns.place(row)} has a frame in column {self.column!r} with {frames.values[step].tolist()};"
            " expected finite numbers"
        )


def _is_list(kind: pa.DataType, *, or_null: bool = False) -> bool:
    is_any = (pa.types.is_list, pa.types.is_large_list, *((pa.types.is_fixed_size_list, pa.types.is_null) if or_null else ()))
    return any(is_kind(kind) for is_kind in is_any)
