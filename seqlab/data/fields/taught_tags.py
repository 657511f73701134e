"""Tags with the probabilities of a teacher model, for distillation."""

from collections import Counter
from dataclasses import dataclass
from typing import final

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged, flat_list, is_list
from seqlab.data.fields.base import EncodedColumn, TensorGroup
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.fields.tags import StepTagField, tags_to_learn
from seqlab.errors import ConfigError, DataError


@final
@dataclass(frozen=True)
class TaughtTags(TensorGroup):
    """Tags of a batch, and the probabilities of the teacher, which are all 0 at steps without any."""

    tags: Int[Tensor, "batch time"]
    probs: Float[Tensor, "batch time tag"]


@final
class EncodedTaughtTags(EncodedColumn):
    """One tag per step, and the probability of each tag."""

    def __init__(self, tags: EncodedIds, probs: Ragged) -> None:
        self.tags, self.probs = tags, probs
        self.lengths = tags.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> TaughtTags:
        return TaughtTags(self.tags.collate(rows), torch.from_numpy(self.probs.padded(rows, padding=0.0)))


@final
@dataclass
class TaughtTagField(StepTagField):
    """Tags as in `TagField` and, if the records have the teacher's column, its probabilities (Hinton et al. 2015).

    The teacher's column has one object per step with probabilities by tag; missing tags have probability 0. Heads that can
    learn probabilities (CRF, softmax) minimise `weight` · `temperature`² · KL(teacher ‖ head) + (1 - `weight`) · loss of the
    tags. The divergence is that of the probabilities at each step, both raised to the power 1 / `temperature` and normalised.

    Args:
        column: Column with one tag per step.
        scheme: Span scheme of the tags; None for plain labels.
        teacher_column: Column with the probabilities of the teacher.
        weight: Weight of the teacher in the loss, from 0 to 1.
        temperature: Above 0; values above 1 give more weight to improbable tags.

    Raises:
        ConfigError: `weight` or `temperature` is out of range.
    """

    teacher_column: str = "teacher"
    weight: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ConfigError(f"heads.tags.target.weight is {self.weight}; expected a share from 0 to 1")
        if self.temperature <= 0:
            raise ConfigError(f"heads.tags.target.temperature is {self.temperature}; expected more than 0, such as 1 or 2")

    def fit(self, columns: Columns) -> None:
        """Collect the tags as `TagField` does, and those that only the teacher uses."""
        super().fit(columns)
        taught = _by_tag(columns, self.teacher_column) if self.teacher_column in columns else {}
        # sorted after those of the training tags, so that ids do not depend on the order of the records
        self.tags += sorted(taught.keys() - self.tags)
        if self.span_scheme is not None:
            self.tags = tags_to_learn(Counter(self.tags), scheme=self.span_scheme)

    def encode(self, columns: Columns) -> EncodedIds | EncodedTaughtTags:
        """Return the id of each tag and, if the records have the teacher's column, its normalised probabilities.

        Raises:
            DataError: a probability is not one, or the teacher's column does not have one object per step.
        """
        ids = self.encoded(columns)
        if self.teacher_column not in columns:
            return ids
        probs = self._probabilities(columns)
        n_probs, n_tags = probs.lengths, ids.ids.lengths
        what = f"steps in column {self.teacher_column!r}, but"
        rule = f"in {self.column!r}; expected the same number in both"
        columns.check(n_probs == n_tags, lambda row: f"has {n_probs[row]} {what} {n_tags[row]} {rule}")
        return EncodedTaughtTags(ids, probs)

    def _probabilities(self, columns: Columns) -> Ragged:
        """Return the probability of each tag at each step; all 0 if no tag has one."""
        by_tag = _by_tag(columns, self.teacher_column)
        _, offsets = flat_list(columns.arrow(self.teacher_column))
        probs = np.zeros((offsets[-1], len(self.tags)), dtype=np.float32)
        for i, tag in enumerate(self.tags):
            if tag in by_tag:
                probs[:, i] = _numbers(by_tag[tag], what=f"column {self.teacher_column!r}, tag {tag!r}")
        # the column may lack improbable tags, so that the probabilities do not add up to 1
        total = probs.sum(1, keepdims=True)
        return Ragged(np.divide(probs, total, out=np.zeros_like(probs), where=total > 0), offsets)


def _by_tag(columns: Columns, name: str) -> dict[str, pa.Array]:
    """Return the probabilities of each tag in a teacher's column, for all steps."""
    array = columns.arrow(name)
    steps = array.flatten() if is_list(array.type) else array
    # a column of empty lists has no type for its steps
    if is_list(array.type) and pa.types.is_null(steps.type):
        return {}
    if not is_list(array.type) or not pa.types.is_struct(steps.type):
        raise DataError(f"column {name!r} holds {array.type}; expected one object per step, with probabilities by tag")
    return dict(zip((part.name for part in steps.type), steps.flatten(), strict=True))


def _numbers(values: pa.Array, *, what: str) -> Float[np.ndarray, " step"]:
    """Return probabilities, 0 for null."""
    try:
        numbers: np.ndarray = values.cast(pa.float32()).fill_null(0.0).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:  # the latter for types without a cast, such as lists
        raise DataError(f"{what}: holds {values.type}; expected probabilities") from error
    # written so that NaN fails too
    if not (numbers >= 0).all():
        raise DataError(f"{what}: a probability is {numbers[~(numbers >= 0)][0]}; expected 0 to 1")
    return numbers
