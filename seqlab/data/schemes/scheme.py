"""`Scheme`: how tags spell spans, and which tag may follow which."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import final

import numpy as np
from jaxtyping import Bool, Int

from seqlab.data.schemes.reading import Neighbours, TagCodes, TagParts, accepts, read_default, read_strict
from seqlab.data.schemes.rules import DEFAULT_RULES, PairTable, SpanRules
from seqlab.data.schemes.tags import NO_LABEL, PREFIXES, join_tag, split_tag, split_tag_lenient
from seqlab.errors import DataError
from seqlab.types import Span


@final
@dataclass(frozen=True, slots=True)
class Violation:
    """A tag that breaks its scheme: its step, and the reason."""

    step: int
    tag: str
    reason: str

    def describe(self, scheme: str) -> str:
        """Return a message; `scheme` is the name of the scheme."""
        return f"tag {self.tag!r} breaks {scheme}: {self.reason}"


@final
@dataclass(frozen=True, slots=True)
class Transitions:
    """Which tags may begin a sequence, follow each other, and end it; True = allowed by the scheme."""

    start: Bool[np.ndarray, " tag"]
    step: Bool[np.ndarray, "prev_tag tag"]
    end: Bool[np.ndarray, " tag"]


@final
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Scheme:
    """A tagging scheme, given by tables over pairs of neighbouring tags.

    A bare prefix (`B`, `I`) marks a span whose label is `_`.
    """

    name: str
    prefixes: str
    """The prefixes that the scheme knows, `O` first."""
    spelling: tuple[str, str, str, str]
    """Prefix of a span's first, inner and last step, and of a span of one step."""
    is_b_separator: bool
    """True if B only parts a span from one of the same label right before it."""
    allowed: PairTable
    rules: SpanRules
    reads_as: dict[str, str]
    """Prefix -> the one that seqeval's default mode knows for the same thing."""

    def __repr__(self) -> str:
        return f"Scheme({self.name})"

    def spans(self, tags: Sequence[str], *, is_strict: bool = False) -> list[Span]:
        """Return the spans that `tags` spell.

        Lenient reading makes something of every sequence, as seqeval's default mode does; BILOU's L and U, which that
        mode does not know, are read as E and S. Strict reading leaves out every span that is not spelt as the scheme
        asks, as seqeval's strict mode does. On tags without violations the two agree.

        Raises:
            DataError: strict, and a tag is not one of the scheme; or a tag is empty.
        """
        codes = TagCodes()
        near = Neighbours.of(codes.flatten([tags]))
        if is_strict:
            parts = self.strict_parts(codes)
            arrays = read_strict(near, parts=parts, rules=self.rules)
        else:
            parts = TagParts.of(codes, split=self.split_lenient)
            arrays = read_default(near, parts=parts, rules=DEFAULT_RULES)
        return [Span(start, end, parts.labels[label_id]) for start, end, label_id in arrays]

    def encode(self, spans: Iterable[Span], *, n_steps: int) -> list[str]:
        """Return the tags of `n_steps` steps that spell `spans`, given in any order.

        IO cannot tell neighbours of the same label apart: they come back as one span.

        Raises:
            DataError: two spans overlap, or one is empty or lies outside the `n_steps` steps.
        """
        tags = ["O"] * n_steps
        previous = Span(0, 0, "")
        for span in sorted(spans):
            _check_span(span, previous=previous, n_steps=n_steps)
            first, inner, last, single = self.spelling
            body = [single] if span.end - span.start == 1 else [first, *[inner] * (span.end - span.start - 2), last]
            if self.is_b_separator and (span.start, span.label) == (previous.end, previous.label):
                body[0] = "B"
            tags[span.start : span.end] = [join_tag(prefix, span.label) for prefix in body]
            previous = span
        return tags

    def violations(self, tags: Sequence[str]) -> list[Violation]:
        """Return every place where `tags` break the scheme; an open span at the end counts against the last step."""
        pairs = enumerate(pairwise(["O", *tags, "O"]))
        return [self._violation(tags, step) for step, (previous, tag) in pairs if _is_break(self, previous, tag)]

    def breaks(self, codes: Int[np.ndarray, " position"], *, tags: Iterable[str]) -> Bool[np.ndarray, " position"]:
        """Return True at each position of the flat `codes` of `tags` that breaks the scheme.

        A tag that the scheme does not know is one break, and the step after it none.
        """
        parts = TagParts.of(["O", *tags], split=split_tag)
        codes = codes + 1
        prevs = np.concatenate([np.zeros(1, dtype=np.intp), codes])[: len(codes)]
        pairs = parts.pairs(codes, prevs=prevs, has_first=True)
        is_known = np.array([prefix in self.prefixes for prefix in PREFIXES])[parts.prefixes[codes]]
        is_after_known = np.concatenate([np.ones(1, dtype=np.bool_), is_known[:-1]])[: len(is_known)]
        broken: Bool[np.ndarray, " position"] = ~is_known | (is_after_known & ~accepts(self.allowed, pairs))
        return broken

    def transitions(self, tags: Sequence[str]) -> Transitions:
        """Return which of `tags` may begin a sequence, follow each other and end it.

        Raises:
            DataError: a tag is not one of the scheme.
        """
        self._check_known(tags)
        parts = TagParts.of(["O", *tags], split=split_tag)
        prefixes, label_ids = parts.prefixes, parts.label_ids
        is_same = (label_ids[:, None] == label_ids).astype(np.intp)
        allowed = self.allowed[prefixes[:, None], prefixes, is_same]
        return Transitions(start=allowed[0, 1:], step=allowed[1:, 1:], end=allowed[1:, 0])

    def goes_on(self, tags: Sequence[str]) -> Bool[np.ndarray, "prev_tag tag"]:
        """Return whether the second of two neighbouring tags belongs to the span of the first."""
        together = np.zeros((len(tags), len(tags)), dtype=np.bool_)
        labels = [split_tag(tag)[1] for tag in tags]
        for i, before in enumerate(tags):
            for j in (j for j, label in enumerate(labels) if label == labels[i]):
                together[i, j] = [(span.start, span.end) for span in self.spans([before, tags[j]])] == [(0, 2)]
        return together

    def tags_of(self, labels: Iterable[str]) -> list[str]:
        """Return every tag for spans of `labels`: `O` first, then label by label in the given order."""
        return ["O", *(join_tag(prefix, label) for label in labels for prefix in self.prefixes[1:])]

    def strict_parts(self, tags: Iterable[str]) -> TagParts:
        """Return prefixes and labels of `tags` as seqeval's strict mode splits them, without hyphens around a label.

        Raises:
            DataError: a tag is not one of the scheme.
        """
        tags = list(tags)
        self._check_known(tags)
        return TagParts.of(tags, split=_split_strict)

    def _check_known(self, tags: Iterable[str]) -> None:
        for tag in tags:
            if split_tag(tag)[0] not in self.prefixes:
                raise DataError(f"tag is {tag!r}; expected {self._expectation()}; choose the scheme that the data is in")

    def _expectation(self) -> str:
        *prefixes, last = (f"{prefix}-label" for prefix in self.prefixes[1:])
        return f"a tag of {self.name}: O{''.join(f', {prefix}' for prefix in prefixes)} or {last}"

    def split_lenient(self, tag: str) -> tuple[str, str]:
        """Return prefix and label of `tag` as lenient reading takes them."""
        prefix, label = split_tag_lenient(tag)
        return self.reads_as.get(prefix, prefix), label

    def _violation(self, tags: Sequence[str], step: int) -> Violation:
        if step == len(tags):
            return Violation(step - 1, tags[-1], f"the span of {split_tag(tags[-1])[1]!r} is still open at the end")
        prefix, label = split_tag(tags[step])
        previous_prefix, previous_label = split_tag(tags[step - 1]) if step else ("O", NO_LABEL)
        if prefix not in self.prefixes:
            reason = f"expected {self._expectation()}"
        elif self.allowed[PREFIXES.index(previous_prefix), 0, 0]:
            reason = f"no span of {label!r} is open right before it"
        else:
            reason = f"the span of {previous_label!r} before it is still open"
        return Violation(step, tags[step], reason)


@lru_cache(maxsize=1 << 16)
def _is_break(scheme: Scheme, previous: str, tag: str) -> bool:
    return bool(scheme.breaks(np.arange(2), tags=[previous, tag])[1])


def _split_strict(tag: str) -> tuple[str, str]:
    prefix, label = split_tag(tag)
    return prefix, label.strip("-") or NO_LABEL


def _check_span(span: Span, *, previous: Span, n_steps: int) -> None:
    if not 0 <= span.start < span.end <= n_steps:
        raise DataError(f"span is {tuple(span)}; expected 0 <= start < end <= {n_steps} steps; mend or drop the span")
    if span.start < previous.end:
        raise DataError(f"spans {tuple(previous)} and {tuple(span)} overlap; tags spell flat spans only; keep one of them")
