"""Tags of records that are annotated in part: steps that nobody has annotated, and steps of which several tags may be right."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from seqlab.data.columns import Columns, Ragged, StringColumn
from seqlab.data.fields.base import NO_TARGET
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.fields.tags import TagTargets, mended
from seqlab.data.schemes import Scheme, get_scheme
from seqlab.data.schemes.partial import readings
from seqlab.errors import ConfigError, DataError

log = logging.getLogger(__name__)


@final
@dataclass
class PartialTagField(TagTargets):
    """Ids of tags from 0 on, then those of the sets of tags that training has; without such as `TagField`."""

    column: str
    scheme: str | None
    """Span scheme of the tags (BIO, BIOES …); None where they are plain labels."""
    unannotated: str
    """What stands at a step that nobody has annotated: it may have any tag."""
    separator: str
    """Between the tags of a step of which one is right: `B-PER|B-ORG`."""
    tags: list[str] = field(init=False, repr=False)
    sets: Sequence[list[int]] = field(init=False, repr=False)
    knows_parts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("unannotated", "separator"):
            if not getattr(self, name):
                raise ConfigError(f"heads.tags.target.{name} is empty; expected a string that no tag has in it")

    @property
    def span_scheme(self) -> Scheme | None:
        """The scheme engine of the tags."""
        return get_scheme(self.scheme) if self.scheme else None

    def readings(self, tag: str) -> list[str]:
        """Return the tags that a step may have, each once; none where it is not annotated."""
        return readings(tag, unannotated=self.unannotated, separator=self.separator)

    def fit(self, columns: Columns) -> None:
        """Collect the tags, `O` first, with a scheme every tag that it gives a label seen in training, and the sets of them.

        Raises: DataError when training has no tag at all, and for what is no tag.
        """
        strings = self.checked(columns)
        counts: dict[str, int] = {}
        for text, n in zip(strings.distinct, strings.counts.tolist(), strict=True):
            for tag in self.readings(text):
                counts[tag] = counts.get(tag, 0) + n
        if not counts:
            raise DataError(f"column {self.column!r} has no tag in the training records")
        if self.span_scheme is None:
            self.tags = sorted(counts, key=lambda tag: (-counts[tag], tag))
        else:
            labels = {span.label for tag in counts for span in self.span_scheme.spans([tag])}
            self.tags = self.span_scheme.tags_of(sorted(labels))
        several = {tuple(self._ids(text)) for text in strings.distinct}
        self.sets = [list(ids) for ids in sorted(several) if len(ids) > 1]

    def encode(self, columns: Columns) -> EncodedIds:
        """Return the id of every tag and set of tags; what training never had becomes `NO_TARGET`, as what is not annotated.

        Of a set with a tag that training never had nothing is known, either. With a scheme, records annotated in full that
        break it are mended as in `TagField`; of others, steps without a tag that may follow are taken as not annotated.
        """
        strings = self.checked(columns)
        ids_by_set = {tuple(ids): len(self.tags) + i for i, ids in enumerate(self.sets)}
        ids = [self._id(text, ids_by_set) for text in strings.distinct]
        codes = strings.codes
        values = np.asarray(ids or [0], dtype=np.int64)[codes.values] if len(codes.values) else codes.values
        if self.span_scheme is not None:
            values = self._mended(values, strings, scheme=self.span_scheme)
        return EncodedIds(Ragged(values, codes.offsets), padding=NO_TARGET)

    def state(self) -> Mapping[str, Any]:
        """Return the tags in the order of their ids, and the sets after them."""
        return {"tags": self.tags, "sets": self.sets}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over tags and sets."""
        self.tags, self.sets = list(state["tags"]), [list(ids) for ids in state["sets"]]

    def _ids(self, text: str) -> list[int]:
        """Return the ids of the tags that a step may have, in order; none where one of them is not known."""
        tags = self.readings(text)
        return sorted(map(self.tags.index, tags)) if all(tag in self.tags for tag in tags) else []

    def _id(self, text: str, ids_by_set: Mapping[tuple[int, ...], int]) -> int:
        ids = self._ids(text)
        return ids[0] if len(ids) == 1 else ids_by_set.get(tuple(ids), NO_TARGET)

    def _mended(self, ids: np.ndarray, strings: StringColumn, *, scheme: Scheme) -> np.ndarray:
        """Return `ids` with those of the records mended that are annotated in full: others spell no spans to go by."""
        codes = strings.codes
        is_single = np.asarray([len(self.readings(text)) == 1 for text in strings.distinct], dtype=bool)
        row_of = np.repeat(np.arange(len(codes.lengths)), codes.lengths)
        n_open = np.bincount(row_of, weights=~is_single[codes.values], minlength=len(codes.lengths))
        offsets = np.concatenate([[0], np.where(n_open == 0, codes.lengths, 0).cumsum()]).astype(np.int64)
        is_full = (n_open == 0)[row_of]
        distinct = [text for text, alone in zip(strings.distinct, is_single, strict=True) if alone]
        full = StringColumn(distinct, Ragged((is_single.cumsum() - 1)[codes.values[is_full]], offsets))
        ids = ids.copy()
        ids[is_full] = mended(ids[is_full], full, tags=self.tags, scheme=scheme, column=self.column)
        return self._fitting(ids, Ragged(codes.values, codes.offsets), rows=np.flatnonzero(n_open), scheme=scheme)

    def _fitting(self, ids: np.ndarray, codes: Ragged, *, rows: np.ndarray, scheme: Scheme) -> np.ndarray:
        """Return `ids` with the steps of `rows` opened where the scheme allows no tag of theirs."""
        allowed, n_opened = scheme.transitions(self.tags), 0
        table = np.concatenate([np.eye(len(self.tags), dtype=bool), self._members(), np.ones((1, len(self.tags)), dtype=bool)])
        for row in rows:
            first, last = int(codes.offsets[row]), int(codes.offsets[row + 1]) - 1
            reached = allowed.start
            for step in range(first, last + 1):
                fits = reached & (allowed.end if step == last else True)
                if not (fits & table[ids[step]]).any():
                    ids[step], n_opened = NO_TARGET, n_opened + 1
                reached = allowed.step[reached & table[ids[step]]].any(0)
        if n_opened:
            said = "%d steps of records annotated in part break the %s scheme in column %r; taken as not annotated"
            log.warning(said, n_opened, scheme.name, self.column)
        return ids

    def _members(self) -> np.ndarray:
        """Return which tags each set has, (set, tag)."""
        members = np.zeros((len(self.sets), len(self.tags)), dtype=bool)
        for i, ids in enumerate(self.sets):
            members[i, ids] = True
        return members
