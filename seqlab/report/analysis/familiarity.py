"""Whether the training data has a span or word: memorisation versus generalisation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import final

SAME_LABEL = "seen with this type"
OTHER_LABEL = "seen with other types only"
NEW_FORM = "new, all words seen"
NEW_WORDS = "new, with words never seen"
FAMILIARITIES = (SAME_LABEL, OTHER_LABEL, NEW_FORM, NEW_WORDS)


@final
@dataclass
class Training:
    """Words of the training records, and the types that each span had, by its words."""

    words: set[str] = field(default_factory=set)
    forms: dict[tuple[str, ...], set[str]] = field(default_factory=dict)

    def add(self, tokens: Sequence[str], spans: Iterable[tuple[tuple[int, int], str | None]]) -> None:
        """Add a training record."""
        self.words.update(tokens)
        for (start, end), label in spans:
            if label is not None:
                self.forms.setdefault(tuple(tokens[start:end]), set()).add(label)

    def familiarity(self, form: Sequence[str], label: str) -> str:
        """Return one of `FAMILIARITIES` for a span with these words (compared exactly) and this type."""
        labels = self.forms.get(tuple(form))
        if labels is not None:
            return SAME_LABEL if label in labels else OTHER_LABEL
        # A new combination of known words is easier than a word that the embedding has never seen.
        return NEW_FORM if self.words.issuperset(form) else NEW_WORDS

    def share_of_new_words(self, tokens: Iterable[str]) -> float:
        """Return the share of tokens that do not occur in training."""
        tokens = list(tokens)
        return sum(token not in self.words for token in tokens) / max(1, len(tokens))
