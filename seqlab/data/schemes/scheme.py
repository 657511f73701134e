"""`Scheme`: how tags encode spans, and which tags may follow each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise, product
from typing import final

import numpy as np
from jaxtyping import Bool, Int

from seqlab.data.schemes.reading import Neighbours, TagCodes, TagParts, accepts, read_strict
from seqlab.data.schemes.rules import DEFAULT_RULES, PairTable, SpanRules
from seqlab.data.schemes.tags import NO_LABEL, PREFIXES, join_tag, split_tag, split_tag_lenient
from seqlab.errors import DataError
from seqlab.types import Span

_KNOWN_AS = {"L": "E", "U": "S"}


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
    """Whether tags may start a sequence, follow each other, and end a sequence."""

    start: Bool[np.ndarray, " tag"]
    step: Bool[np.ndarray, "prev_tag tag"]
    end: Bool[np.ndarray, " tag"]


@final
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Scheme:
    """A tagging scheme, defined by tables over pairs of neighbouring tags.

    A bare prefix (`B`, `I`) marks a span with the label `_`.
    """

    name: str
    prefixes: str
    """The prefixes of the scheme, `O` first."""
    encoding: str
    """Prefixes of the first, inner and last step of a span, and of a span of one step."""
    allowed: PairTable
    rules: SpanRules
    is_b_separator: bool = False
    """Whether B only separates a span from an adjacent one with the same label."""

    def __repr__(self) -> str:
        return f"Scheme({self.name})"

    def spans(self, tags: Sequence[str], *, is_strict: bool = False) -> list[Span]:
        """Return the spans that `tags` encode.

        Lenient reading accepts any sequence, as seqeval's default mode does; BILOU's L and U, which that mode does not know,
        are read as E and S. Strict reading ignores spans that break the scheme, as seqeval's strict mode does. For tags
        without violations both agree.

        Raises:
            DataError: a tag is empty or, if strict, does not belong to the scheme.
        """
        if not is_strict:
            return _read_lenient(tags, self)
        codes = TagCodes()
        near = Neighbours.of(codes.flatten([tags]))
        parts = self.strict_parts(codes)
        arrays = read_strict(near, parts=parts, rules=self.rules)
        return [Span(start, end, parts.labels[label_id]) for start, end, label_id in arrays]

    def encode(self, spans: Iterable[Span], *, n_steps: int) -> list[str]:
        """Return the `n_steps` tags that encode `spans`, which may be in any order.

        IO cannot separate adjacent spans with the same label: they become one span.

        Raises:
            DataError: spans overlap, or a span is empty or outside the `n_steps` steps.
        """
        tags = ["O"] * n_steps
        # An empty span with a label that no span has, so that a first span at step 0 does not look adjacent.
        previous = Span(0, 0, "")
        for span in sorted(spans):
            if not 0 <= span.start < span.end <= n_steps:
                raise DataError(f"span is {tuple(span)}; expected 0 <= start < end <= {n_steps} steps; correct or drop it")
            if span.start < previous.end:
                raise DataError(f"spans {tuple(previous)} and {tuple(span)} overlap; tags encode flat spans only; keep one")
            first, inner, last, single = tuple(self.encoding)
            body = [single] if span.end - span.start == 1 else [first, *[inner] * (span.end - span.start - 2), last]
            if self.is_b_separator and (span.start, span.label) == (previous.end, previous.label):
                body[0] = "B"
            tags[span.start : span.end] = [join_tag(prefix, span.label) for prefix in body]
            previous = span
        return tags

    def violations(self, tags: Sequence[str]) -> list[Violation]:
        """Return all violations in `tags`; a span that is open at the end is a violation of the last step."""
        # The outer Os stand for the borders of the sequence, which close and open spans like any O.
        pairs = enumerate(pairwise(["O", *tags, "O"]))
        return [self._violation(tags, step) for step, (previous, tag) in pairs if _is_break(self, previous, tag)]

    def breaks(self, codes: Int[np.ndarray, " position"], *, tags: Iterable[str]) -> Bool[np.ndarray, " position"]:
        """Return whether each position in the flat `codes` of `tags` breaks the scheme.

        The last tag must be an `O`. After a tag that does not belong to the scheme, the next step does not count as another
        violation.
        """
        parts = TagParts.of(tags, split=split_tag)
        # `np.roll` puts the last tag, an `O`, before the first
        pairs = parts.pairs(Neighbours(np.arange(len(codes)), np.roll(codes, 1), codes))
        is_known = np.array([prefix in self.prefixes for prefix in PREFIXES])[parts.prefixes[codes]]
        return np.asarray(~is_known | (np.roll(is_known, 1) & ~accepts(self.allowed, pairs)))

    def transitions(self, tags: Sequence[str]) -> Transitions:
        """Return whether `tags` may start a sequence, follow each other and end a sequence.

        Raises:
            DataError: a tag does not belong to the scheme.
        """
        self._check_known(tags)
        parts = TagParts.of(["O", *tags], split=split_tag)
        prefixes, label_ids = parts.prefixes, parts.label_ids
        is_same = (label_ids[:, None] == label_ids).astype(np.intp)
        # The O in front takes row and column 0: as a tag before it means the start, as a tag after it the end.
        allowed = self.allowed[prefixes[:, None], prefixes, is_same]
        return Transitions(start=allowed[0, 1:], step=allowed[1:, 1:], end=allowed[1:, 0])

    def goes_on(self, tags: Sequence[str]) -> Bool[np.ndarray, "prev_tag tag"]:
        """Return whether the second of two neighbouring tags continues the span of the first."""
        together = np.zeros((len(tags), len(tags)), dtype=np.bool_)
        for (i, previous), (j, tag) in product(enumerate(tags), repeat=2):
            if split_tag(previous)[1] == split_tag(tag)[1]:
                # Reading the two tags alone answers for every place, because the rules look at neighbours only.
                together[i, j] = [span[:2] for span in self.spans([previous, tag])] == [(0, 2)]
        return together

    def tags_of(self, labels: Iterable[str]) -> list[str]:
        """Return all tags for spans of `labels`: `O`, then the tags of each label in order."""
        return ["O", *(join_tag(prefix, label) for label in labels for prefix in self.prefixes[1:])]

    def strict_parts(self, tags: Iterable[str]) -> TagParts:
        """Split `tags` as seqeval's strict mode does, without hyphens around a label.

        Raises:
            DataError: a tag does not belong to the scheme.
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
        """Return prefix and label of `tag` for lenient reading: seqeval's default mode knows E and S, but not L and U."""
        prefix, label = split_tag_lenient(tag)
        return (_KNOWN_AS.get(prefix, prefix) if prefix in self.prefixes else prefix), label

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


# As nested lists: for the tags of one record, a loop is ten times as fast as array operations.
_STARTS, _ENDS = DEFAULT_RULES.start.tolist(), DEFAULT_RULES.end.tolist()


def _read_lenient(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """Return the spans of lenient reading of one sequence, as `read_default` does for many."""
    spans, latest, previous = [], 0, _lenient_parts(scheme, "O")
    outside = previous
    for i, tag in enumerate(chain(tags, ("O",))):
        parts = _lenient_parts(scheme, tag)
        # Most steps are an `O` after an `O`, which no rule mentions.
        if parts is outside and previous is outside:
            continue
        pair = previous[0], parts[0], i > 0 and parts[1] == previous[1]
        if _ENDS[pair[0]][pair[1]][pair[2]]:
            spans.append(Span(latest, i, previous[1]))
        if _STARTS[pair[0]][pair[1]][pair[2]]:
            latest = i
        previous = parts
    return spans


@lru_cache(maxsize=1 << 16)  # a corpus has few tags
def _lenient_parts(scheme: Scheme, tag: str) -> tuple[int, str]:
    prefix, label = scheme.split_lenient(tag)
    return PREFIXES.index(prefix), label


@lru_cache(maxsize=1 << 16)  # few pairs of tags make up most of a corpus
def _is_break(scheme: Scheme, previous: str, tag: str) -> bool:
    return bool(scheme.breaks(np.arange(3), tags=[previous, tag, "O"])[1])


def _split_strict(tag: str) -> tuple[str, str]:
    prefix, label = split_tag(tag)
    return prefix, label.strip("-") or NO_LABEL
