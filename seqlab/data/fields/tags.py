"""Tags: the target of a token head, one a step."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from seqlab.data.columns import Columns, Ragged, StringColumn
from seqlab.data.fields.base import NO_TARGET, Field
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.schemes import Scheme, get_scheme
from seqlab.data.schemes.partial import SEPARATOR, UNANNOTATED, names_several
from seqlab.errors import DataError

log = logging.getLogger(__name__)


class TagTargets(Field):
    """What a head learns to say of each step of a sequence, or of each segment: ids of `tags`."""

    tags: list[str]
    """The tags in the order of their ids."""
    sets: Sequence[list[int]] = ()
    """The sets of tags of which a step may have one, by their ids: set k is target n_tags + k."""
    knows_parts: ClassVar[bool] = False
    """Whether steps may be annotated in part."""
    is_of_record_steps: bool = True
    """Whether each step of a record has a tag; False: the steps that an encoder makes of them do."""

    @property
    def span_scheme(self) -> Scheme | None:
        """The scheme engine of the tags; None where they spell no spans."""
        return None

    def gold(self, columns: Columns) -> list[Any]:
        """Return the tags of each record as they stand in it."""
        return columns.lists(self.column)

    def readings(self, tag: str) -> list[str]:
        """Return the tags that a step with the gold tag `tag` may have; none where it is not annotated."""
        return [tag]

    def checked(self, columns: Columns) -> StringColumn:
        """Return the tags as they stand in the records.

        Raises: DataError that names the record of the first that is no tag, or none of the scheme.
        """
        strings = columns.strings(self.column)
        for code, text in enumerate(strings.distinct):
            reason = next(filter(None, map(self._why_no_tag, self.readings(text))), None)
            if reason is not None:
                place = columns.place_of(int(np.argmax(strings.codes.values == code)), strings.codes.offsets)
                is_partial = text == UNANNOTATED or SEPARATOR in text
                hint = "; head=[crf_partial] learns from what is annotated in part" * (is_partial and not self.knows_parts)
                raise DataError(f"{place} has {text!r} in column {self.column!r}: {reason}{hint}")
        return strings

    def _why_no_tag(self, tag: str) -> str | None:
        try:
            if self.span_scheme is not None:
                self.span_scheme.transitions([tag])
        except DataError as error:
            return str(error)
        if self.span_scheme is not None and names_several(tag):
            return "these are several tags; expected one"
        return None if tag else "a tag is empty; expected a word"


@final
@dataclass
class TagField(TagTargets):
    """Ids of tags from 0 on. With a span scheme, tags that break it are read as the spans they most likely mean."""

    column: str
    scheme: str | None
    """Span scheme of the tags (BIO, BIOES …); None where tags are plain labels such as parts of speech."""
    tags: list[str] = field(init=False, repr=False)

    @property
    def span_scheme(self) -> Scheme | None:
        """The scheme engine of the tags."""
        return get_scheme(self.scheme) if self.scheme else None

    def fit(self, columns: Columns) -> None:
        """Collect the tags, `O` first, and with a scheme every tag that the scheme gives a label seen in training.

        Raises: DataError when training has no tag at all.
        """
        strings = self.checked(columns)
        if not strings.distinct:
            raise DataError(f"column {self.column!r} has no tag in the training records")
        scheme = self.span_scheme
        if scheme is None:
            by_count = sorted(zip(strings.distinct, strings.counts.tolist(), strict=True), key=lambda p: (-p[1], p[0]))
            self.tags = [tag for tag, _ in by_count]
        else:
            labels = {span.label for tag in strings.distinct for span in scheme.spans([tag])}
            self.tags = scheme.tags_of(sorted(labels))

    def encode(self, columns: Columns) -> EncodedIds:
        """Return the id of every tag; tags never seen in training become `NO_TARGET`.

        Raises: DataError for what is no tag of the scheme.
        """
        strings = self.checked(columns)
        scheme = self.span_scheme
        ids_by_tag = {tag: i for i, tag in enumerate(self.tags)}
        ids = np.asarray([ids_by_tag.get(tag, NO_TARGET) for tag in strings.distinct] or [0], dtype=np.int64)
        codes = strings.codes
        values = ids[codes.values] if len(codes.values) else codes.values
        if scheme is not None:
            values = mended(values, strings, tags=self.tags, scheme=scheme, column=self.column)
        return EncodedIds(Ragged(values, codes.offsets), padding=NO_TARGET)

    def state(self) -> Mapping[str, Any]:
        """Return the tags in the order of their ids."""
        return {"tags": self.tags}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over the tags."""
        self.tags = list(state["tags"])


def mended(ids: np.ndarray, strings: StringColumn, *, tags: list[str], scheme: Scheme, column: str) -> np.ndarray:
    """Return the ids of the tags `strings`, those of records that break the scheme read leniently and written again."""
    codes = strings.codes
    ids_by_tag = {tag: i for i, tag in enumerate(tags)}
    ids, n_mended = ids.copy(), 0
    for row in _rows_in_violation(strings.distinct, codes, scheme=scheme):
        place = slice(int(codes.offsets[row]), int(codes.offsets[row + 1]))
        found = scheme.spans([strings.distinct[code] for code in codes.values[place]])
        ids[place] = [ids_by_tag.get(tag, NO_TARGET) for tag in scheme.encode(found, n_steps=place.stop - place.start)]
        n_mended += 1
    if n_mended:
        log.warning("%d records break the %s scheme in column %r; read leniently", n_mended, scheme.name, column)
    return ids


def _rows_in_violation(distinct: list[str], codes: Ragged, *, scheme: Scheme) -> list[int]:
    """Return the rows with a first tag, a last tag or a pair of tags that the scheme forbids."""
    if not len(codes.values):
        return []
    allowed = scheme.transitions(distinct)
    lengths = codes.lengths
    row_of = np.repeat(np.arange(len(lengths)), lengths)
    pair_fits = allowed.step[codes.values[:-1], codes.values[1:]] | (row_of[:-1] != row_of[1:])
    filled = np.flatnonzero(lengths)
    firsts, lasts = codes.values[codes.offsets[filled]], codes.values[codes.offsets[filled + 1] - 1]
    broken = np.concatenate([row_of[:-1][~pair_fits], filled[~allowed.start[firsts]], filled[~allowed.end[lasts]]])
    rows: list[int] = np.unique(broken).tolist()
    return rows
