"""Detection of the scheme of a data set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from seqlab.data.schemes.reading import TagCodes
from seqlab.data.schemes.standard import SCHEME_NAMES, get_scheme
from seqlab.data.schemes.tags import split_tag


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
            return f"The tags encode no spans: {self.foreign_tags[0]!r} is neither O nor PREFIX-label."
        if self.name:
            return f"The tags are {self.name}, without violations in {self.n_steps} steps."
        if self.candidates:
            return f"The tags fit {', '.join(self.candidates)} equally well; choose one."
        nearest = min(self.violations, key=lambda name: self.violations[name])
        count = self.violations[nearest]
        return f"The tags fit no scheme; {nearest} is closest, with violations at {count} of {self.n_steps} steps."


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
    return Detection(candidates, violations, foreign_tags, n_steps)
