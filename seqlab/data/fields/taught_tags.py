"""Tags with what another model, the teacher, holds of them: how probable it finds each tag at each step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import EncodedColumn
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.fields.tags import TagField, TagTargets
from seqlab.data.schemes import Scheme
from seqlab.errors import ConfigError, DataError


@final
@dataclass(frozen=True)
class TaughtTags:
    """Tags of a batch, and the teacher's probabilities of all tags: zero throughout where it holds nothing of a step."""

    tags: Int[Tensor, "batch time"]
    probs: Float[Tensor, "batch time tag"]

    def to(self, device: torch.device) -> "TaughtTags":
        """Return the same on `device`."""
        return TaughtTags(self.tags.to(device), self.probs.to(device))


@final
class EncodedTaughtTags(EncodedColumn):
    """A tag a step, and a probability of each tag."""

    def __init__(self, tags: EncodedIds, probs: Ragged) -> None:
        self.tags, self.probs = tags, probs
        self.lengths = tags.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> TaughtTags:
        """Return tags and probabilities of `rows`, zero at padding."""
        return TaughtTags(self.tags.collate(rows), torch.from_numpy(self.probs.padded(rows, padding=0.0)))


@final
@dataclass
class TaughtTagField(TagTargets):
    """Ids of tags as `TagField` has them and, of records with the column of a teacher, its probabilities.

    The teacher's column has an object a step: probabilities by tag, the others being 0. A head that learns probabilities (CRF,
    softmax) minimises `weight` · temperature² · KL(teacher ‖ head) + (1 - weight) · its loss for the tags (Hinton et al. 2015);
    the divergence is that of the probabilities at each step, both raised to the power of 1 / temperature and scaled to sum 1.
    """

    column: str
    scheme: str | None
    teacher_column: str
    weight: float
    """Share of the loss that teaches the probabilities, 0 to 1; the rest teaches the tags."""
    temperature: float
    """Above 1, the less probable tags tell more."""
    tags: list[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ConfigError(f"heads.tags.target.weight is {self.weight}; expected a share from 0 to 1")
        if self.temperature <= 0:
            raise ConfigError(f"heads.tags.target.temperature is {self.temperature}; expected more than 0, such as 1 or 2")

    @property
    def span_scheme(self) -> Scheme | None:
        """The scheme engine of the tags."""
        return self._plain.span_scheme

    def fit(self, columns: Columns) -> None:
        """Collect the tags as `TagField` does, and those that only the teacher has."""
        plain, scheme = self._plain, self.span_scheme
        plain.fit(columns)
        taught = _by_tag(columns, self.teacher_column) if self.teacher_column in columns else {}
        if scheme is None:
            self.tags = [*plain.tags, *sorted(taught.keys() - plain.tags)]
        else:
            labels = {span.label for tag in (*plain.tags, *taught) for span in scheme.spans([tag])}
            self.tags = scheme.tags_of(sorted(labels))

    def encode(self, columns: Columns) -> EncodedIds | EncodedTaughtTags:
        """Return the id of every tag and, where the records have the teacher's column, its probabilities scaled to sum 1.

        Raises: DataError for what are no probabilities, or not one object a step.
        """
        plain = self._plain
        plain.tags = self.tags
        ids = plain.encode(columns)
        if self.teacher_column not in columns:
            return ids
        probs = self._probabilities(columns)
        if (probs.lengths != ids.ids.lengths).any():
            row = int(np.argmax(probs.lengths != ids.ids.lengths))
            what = (
                f"{probs.lengths[row]} steps in column {self.teacher_column!r}, but {ids.ids.lengths[row]} in {self.column!r}"
            )
            raise DataError(f"{columns.place(row)} has {what}; expected the same of both")
        return EncodedTaughtTags(ids, probs)

    def state(self) -> Mapping[str, Any]:
        """Return the tags in the order of their ids."""
        return {"tags": self.tags}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over the tags."""
        self.tags = list(state["tags"])

    @property
    def _plain(self) -> TagField:
        return TagField(column=self.column, scheme=self.scheme)

    def _probabilities(self, columns: Columns) -> Ragged:
        """Return the probability of each tag at each step; zero throughout where none of them has one."""
        array = columns.arrow(self.teacher_column)
        by_tag = _by_tag(columns, self.teacher_column)
        offsets = np.asarray(array.offsets, dtype=np.int64)
        probs = np.zeros((offsets[-1] - offsets[0], len(self.tags)), dtype=np.float32)
        for i, tag in enumerate(self.tags):
            if tag in by_tag:
                probs[:, i] = _numbers(by_tag[tag], what=f"column {self.teacher_column!r}, tag {tag!r}")
        total = probs.sum(1, keepdims=True)
        return Ragged(np.divide(probs, total, out=np.zeros_like(probs), where=total > 0), offsets - offsets[0])


def _by_tag(columns: Columns, name: str) -> dict[str, pa.Array]:
    """Return what a teacher's column holds of each tag, step by step."""
    array = columns.arrow(name)
    is_list = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
    steps = array.flatten() if is_list else array
    if is_list and pa.types.is_null(steps.type):
        return {}
    if not is_list or not pa.types.is_struct(steps.type):
        raise DataError(f"column {name!r} holds {array.type}; expected an object a step, with probabilities by tag")
    return dict(zip((part.name for part in steps.type), steps.flatten(), strict=True))


def _numbers(values: pa.Array, *, what: str) -> Float[np.ndarray, " step"]:
    """Return probabilities, 0 where there is none."""
    try:
        numbers: np.ndarray = values.cast(pa.float32()).fill_null(0.0).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{what}: holds {values.type}; expected probabilities") from error
    if not (numbers >= 0).all():
        raise DataError(f"{what}: a probability is {numbers[~(numbers >= 0)][0]}; expected 0 to 1")
    return numbers
