"""Tags, the targets of token heads: one per step."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from seqlab.data.columns import Columns, Ragged, StringColumn
from seqlab.data.fields.base import NO_TARGET, Field, target_ids
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.schemes import Scheme, get_scheme
from seqlab.data.schemes.partial import SEPARATOR, UNANNOTATED, names_several
from seqlab.data.violations import broken_rows, describe_breaks
from seqlab.data.vocabulary import by_frequency
from seqlab.errors import DataError

log = logging.getLogger(__name__)


class TagTargets(Field):
    """Base class of targets with one of `tags` for each step, or for each segment."""

    tags: list[str]
    """In the order of their ids."""
    fitted: ClassVar[Sequence[str]] = ("tags",)
    sets: Sequence[list[int]] = ()
    """Sets of tag ids, for steps that may have any tag of a set: target n_tags + k is set k."""
    knows_parts: ClassVar[bool] = False
    """Whether records may be partially annotated."""
    is_of_record_steps: bool = True
    """Whether the tags belong to the steps of the record; False: to those that an encoder makes of them, such as tree nodes."""

    @property
    def span_scheme(self) -> Scheme | None:
        """The span scheme of the tags; None for plain labels."""
        return None

    def gold(self, columns: Columns) -> list[Any]:
        """Return the tags of each record."""
        return columns.lists(self.column)

    def readings(self, tag: str) -> list[str]:
        """Return the tags that a step with the gold tag `tag` may have; empty if the step is not annotated."""
        return [tag]

    def checked(self, columns: Columns) -> StringColumn:
        """Return the tags of the records.

        Raises:
            DataError: a tag is empty, or does not belong to the scheme; the message names the record.
        """
        strings = columns.strings(self.column)
        for code, text in enumerate(strings.distinct):  # a corpus has millions of tags, but few distinct ones
            reason = next(filter(None, map(self._why_invalid, self.readings(text))), None)
            if reason is not None:
                place = columns.place_of(int(np.argmax(strings.codes.values == code)), strings.codes.offsets)
                # such a tag is more likely a mark of partial annotation than an error
                is_partial = text == UNANNOTATED or SEPARATOR in text
                hint = "; head=[crf_partial] learns from partial annotation" * (is_partial and not self.knows_parts)
                raise DataError(f"{place} has {text!r} in column {self.column!r}: {reason}{hint}")
        return strings

    def _why_invalid(self, tag: str) -> str | None:
        try:
            if self.span_scheme is not None:
                self.span_scheme.transitions([tag])
        except DataError as error:
            return str(error)
        if self.span_scheme is not None and names_several(tag):
            return "several tags; expected one"
        return None if tag else "a tag is empty; expected a string"


@dataclass
class StepTagField(TagTargets):
    """Base class of fields with a column of tags, one per step, and their span scheme; None for plain labels."""

    column: str = "tags"
    scheme: str | None = None
    tags: list[str] = field(init=False, repr=False)

    @property
    def span_scheme(self) -> Scheme | None:
        return get_scheme(self.scheme) if self.scheme else None

    def fit(self, columns: Columns) -> None:
        """Collect the tags, most frequent first; with a scheme, `O` and then all its tags for the labels in training.

        Raises:
            DataError: the training records have no tag.
        """
        counts: Counter[str] = Counter()
        for text, n in self.checked(columns).frequencies.items():
            counts.update(dict.fromkeys(self.readings(text), n))
        if not counts:
            raise DataError(f"column {self.column!r} has no tag in the training records")
        self.tags = tags_to_learn(counts, scheme=self.span_scheme)

    def encoded(self, columns: Columns) -> EncodedIds:
        """Return the id of each tag; tags that do not occur in training become `NO_TARGET`.

        Raises:
            DataError: a tag does not belong to the scheme.
        """
        strings = self.checked(columns)
        ids = strings.mapped(target_ids(strings.distinct, known=self.tags))
        if self.span_scheme is not None:
            repaired = repaired_ids(ids.values, columns, tags=self.tags, scheme=self.span_scheme, column=self.column)
            ids = Ragged(repaired, ids.offsets)
        return EncodedIds(ids, padding=NO_TARGET)


@final
@dataclass
class TagField(StepTagField):
    """One tag per step. With a span scheme, records that break it are read leniently and encoded again.

    Args:
        column: Column with one tag per step.
        scheme: Span scheme of the tags (BIO, BIOES …); None for plain labels such as parts of speech.
    """

    def encode(self, columns: Columns) -> EncodedIds:
        return self.encoded(columns)


def tags_to_learn(counts: Mapping[str, int], *, scheme: Scheme | None) -> list[str]:
    """Return the tags that a head should know, given the number of occurrences of each tag in training.

    Without a scheme: the tags, most frequent first. With a scheme: `O`, then all tags of the scheme for the labels that occur,
    so that a span of any length can be encoded.
    """
    if scheme is None:
        return by_frequency(counts)
    # by label, not by tag: a label of which training has single words only still gets tags for longer spans
    return scheme.tags_of(sorted({span.label for tag in counts for span in scheme.spans([tag])}))


def repaired_ids(
    ids: np.ndarray, columns: Columns, *, tags: list[str], scheme: Scheme, column: str, without: Sequence[int] = ()
) -> np.ndarray:
    """Return the ids of the tags in `column`; records that break the scheme are read leniently and encoded again.

    The records in the rows `without` stay as they are.
    """
    strings = columns.strings(column)
    codes = strings.codes
    ids = ids.copy()
    rows = np.setdiff1d(broken_rows(strings, scheme), without)
    for row in rows:
        steps = slice(int(codes.offsets[row]), int(codes.offsets[row + 1]))
        found = scheme.spans([strings.distinct[code] for code in codes.values[steps]])
        ids[steps] = target_ids(scheme.encode(found, n_steps=steps.stop - steps.start), known=tags)
    if len(rows):
        log.warning("%s; read leniently", describe_breaks(columns, column, rows, scheme=scheme))
    return ids
