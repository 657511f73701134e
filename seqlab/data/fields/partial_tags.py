"""Partially annotated tags: steps that nobody has annotated, and steps where any of several tags may be right."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import NO_TARGET
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.fields.tags import StepTagField, repaired_ids
from seqlab.data.schemes import Scheme
from seqlab.data.schemes.partial import SEPARATOR, UNANNOTATED, readings
from seqlab.errors import ConfigError

log = logging.getLogger(__name__)


@final
@dataclass
class PartialTagField(StepTagField):
    """Tags as in `TagField`, and sets of tags: targets from `len(tags)` stand for the sets that occur in training.

    Args:
        column: Column with one tag per step.
        scheme: Span scheme of the tags (BIO, BIOES …); None for plain labels.
        unannotated: Marks a step that nobody has annotated, which may have any tag.
        separator: Separates the possible tags of a step, as in ``B-PER|B-ORG``.

    Raises:
        ConfigError: `unannotated` or `separator` is empty.
    """

    unannotated: str = UNANNOTATED
    separator: str = SEPARATOR
    sets: Sequence[list[int]] = field(init=False, repr=False)
    fitted: ClassVar[Sequence[str]] = ("tags", "sets")
    knows_parts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("unannotated", "separator"):
            if not getattr(self, name):
                raise ConfigError(f"heads.tags.target.{name} is empty; expected a string that does not occur in tags")

    def readings(self, tag: str) -> list[str]:
        return readings(tag, unannotated=self.unannotated, separator=self.separator)

    def fit(self, columns: Columns) -> None:
        """Collect the tags as `TagField` does, and the sets of them.

        Raises:
            DataError: the training records have no tag, or a tag does not belong to the scheme.
        """
        super().fit(columns)
        sets = {tuple(self._ids(text)) for text in columns.strings(self.column).distinct}
        # sorted, so that their ids do not depend on the order of the records
        self.sets = [list(ids) for ids in sorted(sets) if len(ids) > 1]

    def encode(self, columns: Columns) -> EncodedIds:
        """Return the id of each tag or set; `NO_TARGET` for a step that is not annotated.

        Tags, sets and sets with a tag that do not occur in training become `NO_TARGET`, too. With a scheme, fully annotated
        records that break it are repaired as in `TagField`; in other records, steps without a valid tag count as unannotated.
        """
        strings = self.checked(columns)
        ids_by_set = {tuple(ids): len(self.tags) + i for i, ids in enumerate(self.sets)}
        ids = strings.mapped(np.asarray([self._id(text, ids_by_set) for text in strings.distinct], dtype=np.int64))
        if self.span_scheme is not None:
            ids = Ragged(self._repaired(ids.values, columns, scheme=self.span_scheme), ids.offsets)
        return EncodedIds(ids, padding=NO_TARGET)

    def _ids(self, text: str) -> list[int]:
        """Return the sorted ids of the possible tags of a step; empty if one of them is unknown."""
        tags = self.readings(text)
        # sorted, so that "A|B" and "B|A" are one set
        return sorted(map(self.tags.index, tags)) if all(tag in self.tags for tag in tags) else []

    def _id(self, text: str, ids_by_set: Mapping[tuple[int, ...], int]) -> int:
        ids = self._ids(text)
        return ids[0] if len(ids) == 1 else ids_by_set.get(tuple(ids), NO_TARGET)

    def _repaired(self, ids: np.ndarray, columns: Columns, *, scheme: Scheme) -> np.ndarray:
        """Return `ids` with violations repaired; only fully annotated records have spans to repair them by."""
        strings = columns.strings(self.column)
        codes = strings.codes
        # only fully annotated records have spans to repair
        is_open = np.asarray([len(self.readings(text)) != 1 for text in strings.distinct], dtype=bool)
        partial = np.unique(codes.rows[is_open[codes.values]])
        ids = repaired_ids(ids, columns, tags=self.tags, scheme=scheme, column=self.column, without=partial.tolist())
        return self._opened(ids, codes.offsets, rows=partial, scheme=scheme)

    def _opened(self, ids: np.ndarray, offsets: np.ndarray, *, rows: np.ndarray, scheme: Scheme) -> np.ndarray:
        """Return `ids` with `NO_TARGET` at the steps of `rows` where the scheme allows none of their tags."""
        allowed, n_opened = scheme.transitions(self.tags), 0
        tags_of_target = self._tags_of_target()
        for row in rows:
            first, last = int(offsets[row]), int(offsets[row + 1]) - 1
            reachable = allowed.start
            for step in range(first, last + 1):
                fits = reachable & (allowed.end if step == last else True)
                if not (fits & tags_of_target[ids[step]]).any():
                    ids[step], n_opened = NO_TARGET, n_opened + 1
                # the tags that may follow at the next step
                reachable = allowed.step[reachable & tags_of_target[ids[step]]].any(0)
        if n_opened:
            message = "%d steps of partially annotated records break the %s scheme in column %r; treated as unannotated"
            log.warning(message, n_opened, scheme.name, self.column)
        return ids

    def _tags_of_target(self) -> np.ndarray:
        """Return the tags that each target allows, (target, tag); the last row, index `NO_TARGET`, allows all."""
        n_tags = len(self.tags)
        targets = [*([tag] for tag in range(n_tags)), *self.sets, list(range(n_tags))]
        table = np.zeros((len(targets), n_tags), dtype=bool)
        for row, tags in zip(table, targets, strict=True):
            row[tags] = True
        return table
