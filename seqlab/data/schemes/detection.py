"""Detection of the scheme of a data set."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from seqlab.data.schemes.reading import TagCodes
from seqlab.data.schemes.standard import SCHEME_NAMES, get_scheme
from seqlab.data.schemes.tags import split_tag

_PREFIXED = re.compile(r"([A-Z])[-_:/.](.+)")
_PREFIXES = "BIESLUM"
"""Prefixes of the usual schemes; M is the middle of a span in BMES."""


@final
@dataclass(frozen=True, slots=True)
class Detection:
    """The schemes that some tagged sequences are consistent with: none, one or several."""

    candidates: list[str]
    violations: dict[str, int]
    """Scheme name -> number of violations."""
    foreign_tags: list[str]
    """Distinct tags that belong to no scheme (``NOUN``), in order of first occurrence."""
    n_steps: int
    n_foreign: int = 0
    """Number of steps with a foreign tag."""
    n_outside: int = 0
    """Number of steps with the tag `O`."""

    @property
    def nearest(self) -> str:
        """The scheme with the fewest violations; of several, BIO, else the first in `SCHEME_NAMES`."""
        # `sorted` is stable and puts False first: BIO leads, the others keep their order
        return min(sorted(self.violations, key="BIO".__ne__), key=self.violations.__getitem__)

    @property
    def is_mostly_spans(self) -> bool:
        """Whether more tags have the form of span tags than foreign ones, `O` not counted; true without any tag but `O`."""
        return self.n_steps > 0 and (self.is_spans or self.n_steps - self.n_outside > 2 * self.n_foreign)

    @property
    def note(self) -> str:
        """A note on tags that look like span tags of no known scheme, such as ``S_location``; empty if they do not."""
        parts = [match.groups() for tag in self.foreign_tags if (match := _PREFIXED.fullmatch(tag))]
        shared = {label for label, n in Counter(label for _, label in parts).items() if n > 1}
        is_prefixed = any(prefix in _PREFIXES and label in shared for prefix, label in parts)
        if not is_prefixed or 2 * len(parts) < len(self.foreign_tags):
            return ""
        return " Their prefixes look like those of a span scheme, but none fits; convert them to score spans."

    @property
    def is_spans(self) -> bool:
        """Whether there are tags, and all have the form of span tags."""
        return self.n_steps > 0 and not self.foreign_tags

    @property
    def name(self) -> str | None:
        """The scheme if only one is possible, else None."""
        return self.candidates[0] if len(self.candidates) == 1 else None

    def describe(self) -> str:
        """Return the finding as one sentence."""
        if self.n_steps == 0:
            return "There are no tags to detect a scheme from."
        if self.foreign_tags:
            return f"The tags encode no spans: {self.foreign_tags[0]!r} is neither O nor PREFIX-label.{self.note}"
        if self.name:
            return f"The tags are {self.name}, without violations in {self.n_steps} steps."
        if self.candidates:
            return f"The tags fit {', '.join(self.candidates)} equally well; choose one."
        count = self.violations[self.nearest]
        return f"The tags fit no scheme; {self.nearest} is closest, with violations at {count} of {self.n_steps} steps."


def detect_scheme(sequences: Iterable[Sequence[str]]) -> Detection:
    """Count the violations of each scheme in all `sequences` of tags."""
    rows = list(sequences)
    codes = TagCodes()
    flat = codes.flatten(rows)
    tags = list(codes)
    foreign_tags = [tag for tag in tags if split_tag(tag)[0] == "?"]
    violations = {name: int(np.sum(get_scheme(name).breaks(flat, tags=tags))) for name in SCHEME_NAMES}
    # without the `O` after each sequence
    n_steps = len(flat) - len(rows)
    candidates = [name for name in SCHEME_NAMES if n_steps and not violations[name]]
    n_foreign = int(np.sum(np.isin(flat, [codes[tag] for tag in foreign_tags])))
    n_outside = int(np.sum(flat == 0)) - len(rows)
    return Detection(candidates, violations, foreign_tags, n_steps, n_foreign, n_outside)
