"""Frames: one vector of real numbers per step."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged, flat_list, is_list
from seqlab.data.fields.base import EncodedColumn, Field
from seqlab.errors import DataError


@final
class EncodedFrames(EncodedColumn):
    """One vector per step.

    Args:
        frames: The vectors of each record.
    """

    def __init__(self, frames: Ragged) -> None:
        self.frames = frames
        self.lengths = frames.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Tensor:
        """Return frames (batch, time, feature), zero on padding."""
        return torch.from_numpy(self.frames.padded(rows, padding=0.0))


class NumbersField(Field):
    """Base class of fields with one vector of real numbers per step, encoded as `EncodedFrames`."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers per step."""


@final
@dataclass
class FramesField(NumbersField):
    """Real-valued frames, scaled so that each feature has mean 0 and standard deviation 1 in training.

    Args:
        column: Column with a list of frames per record, each a list of the same number of features.
    """

    column: str = "frames"
    mean: np.ndarray = field(init=False, repr=False)
    deviation: np.ndarray = field(init=False, repr=False)

    @property
    def width(self) -> int:
        return len(self.mean)

    def fit(self, columns: Columns) -> None:
        frames = self._frames(columns).values
        if not len(frames):
            raise DataError(f"column {self.column!r} has no frame in the training records")
        self.mean = frames.mean(0)
        self.deviation = np.maximum(frames.std(0), 1e-6)  # a constant feature has no deviation to divide by

    def grow(self, earlier: Field) -> None:
        """Scale as the earlier field does, since weights were learned for that."""
        assert isinstance(earlier, FramesField)
        if earlier.width == self.width:
            self.mean, self.deviation = earlier.mean, earlier.deviation

    def encode(self, columns: Columns) -> EncodedFrames:
        """Return the scaled frames.

        Raises:
            DataError: frames have another width than in training.
        """
        frames = self._frames(columns)
        # records without frames have no width of their own
        values = frames.values if len(frames.values) else np.zeros((0, self.width), dtype=np.float32)
        if values.shape[1] != self.width:
            raise DataError(f"column {self.column!r} has frames of {values.shape[1]} numbers; training had {self.width}")
        scaled = ((values - self.mean) / self.deviation).astype(np.float32)
        return EncodedFrames(Ragged(scaled, frames.offsets))

    def state(self) -> Mapping[str, Any]:
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        # JSON has doubles only; `fit` computes in float32
        self.mean = np.asarray(state["mean"], dtype=np.float32)
        self.deviation = np.asarray(state["deviation"], dtype=np.float32)

    def _frames(self, columns: Columns) -> Ragged:
        """Return the frames before scaling.

        Raises:
            DataError: the column has other values, frames of several widths, or infinite numbers.
        """
        array = columns.arrow(self.column)
        if not is_list(array.type) or not _may_be_frame(array.type.value_type):
            raise DataError(f"column {self.column!r} holds {array.type}; expected a list of frames, each a list of numbers")
        rows, offsets = flat_list(array)
        if not len(rows):
            return Ragged(np.zeros((0, 0), dtype=np.float32), offsets)
        try:
            values = rows.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        except ValueError as error:
            raise DataError(f"column {self.column!r} holds {array.type}; expected frames of numbers ({error})") from error
        # lists of a fixed size have no offsets
        widths = np.diff(np.asarray(rows.offsets)) if hasattr(rows, "offsets") else np.asarray([rows.type.list_size])
        what = f"has a frame in column {self.column!r}"
        if len(widths) > 1:
            expected = f"expected {widths[0]}, as in the first frame"
            columns.check(widths == widths[0], lambda i: f"{what} of {widths[i]} numbers; {expected}", offsets=offsets)
        frames = Ragged(values.reshape(-1, int(widths[0])), offsets)
        is_finite = np.isfinite(frames.values).all(1)
        columns.check(is_finite, lambda i: f"{what} with {frames.values[i].tolist()}; expected finite numbers", offsets=offsets)
        return frames


def _may_be_frame(kind: pa.DataType) -> bool:
    """Return whether a type may be that of a frame; records without a single frame have type null."""
    return is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_null(kind)
