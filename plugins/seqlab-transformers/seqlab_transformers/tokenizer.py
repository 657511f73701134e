"""Split words into subwords with a fast tokenizer that is stored as data, and find the special subwords around a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from seqlab.data.columns import Ragged
from seqlab.data.pretrained.subwords import lead_of, plain_tokenizer, subword_ids
from seqlab.errors import ConfigError

_PROBE = "a"
"""A text that shows which special subwords a tokenizer adds."""

_FILES = ("tokenizer.json", "vocab.*", "*.model")
"""A folder with a tokenizer has one of these files."""


@final
@dataclass(frozen=True)
class SubwordTokenizer:
    """Splits words into subword ids. Every word is read as if it followed a space, even the first of a record.

    Args:
        tokenizer: A fast tokenizer.
        unknown: Id for words without subwords, such as an empty one or one of characters that the tokenizer strips.
        padding: Id of padding.
        before: Ids of the special subwords before every text.
        after: Ids of the special subwords after every text.
        lead: Put before every word: a space if the tokenizer reads it as part of the word, else nothing.
    """

    tokenizer: Tokenizer
    unknown: int
    padding: int
    before: Sequence[int]
    after: Sequence[int]
    lead: str

    @property
    def n_special(self) -> int:
        """Number of special subwords around every text."""
        return len(self.before) + len(self.after)

    def ids(self, words: Sequence[str]) -> Ragged:
        """Return the subword ids of each word, at least one per word.

        A word such as `[SEP]` or `<s>` is read as text, not as a special subword.
        """
        return subword_ids(self.tokenizer, words, lead=self.lead, unknown=self.unknown)

    def facts(self) -> dict[str, Any]:
        """Return the fields other than the tokenizer itself, as JSON values."""
        special = {"unknown": self.unknown, "padding": self.padding, "lead": self.lead}
        return {**special, "before": list(self.before), "after": list(self.after)}

    def content(self) -> str:
        """Return the tokenizer as the text of a `tokenizer.json`."""
        text: str = self.tokenizer.to_str()
        return text


def read_tokenizer(folder: Path) -> SubwordTokenizer:
    """Read the tokenizer from a model's folder.

    Raises: ConfigError if there is none or it is not a fast one.
    """
    if not any(path for pattern in _FILES for path in folder.glob(pattern)):  # transformers would return an empty tokenizer
        raise ConfigError(f"{folder}: no tokenizer; expected a tokenizer.json, as written by the tokenizer's save_pretrained")
    try:
        found = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{folder}: cannot read the tokenizer: {reason:.300}; expected a tokenizer.json") from error
    if not found.is_fast:
        raise ConfigError(
            f"{folder}: {type(found).__name__} is not a fast tokenizer, so it does not give the subwords of each word; "
            "choose a model with a tokenizer.json"
        )
    ids = (found.unk_token_id, found.mask_token_id, found.eos_token_id, found.pad_token_id, 0)
    unknown = next(i for i in ids if i is not None)
    tokenizer = plain_tokenizer(found.backend_tokenizer.to_str())
    if not _read(tokenizer, _PROBE):
        raise ConfigError(f"{folder}: the tokenizer finds no subwords in {_PROBE!r}; choose a model for text")
    return _measured(tokenizer, unknown=unknown, padding=found.pad_token_id or 0)


def restored_tokenizer(content: str, facts: Mapping[str, Any]) -> SubwordTokenizer:
    """Rebuild a tokenizer from its `content()` and `facts()`."""
    return SubwordTokenizer(plain_tokenizer(content), **facts)


def _measured(tokenizer: Tokenizer, *, unknown: int, padding: int) -> SubwordTokenizer:
    """Find the special subwords and the lead of a tokenizer by reading a short text with and without them."""
    alone, whole = _read(tokenizer, _PROBE), _read(tokenizer, _PROBE, is_whole=True)
    # Where the text stands in the whole shows what is put before and after it, whatever the tokenizer calls these subwords.
    first = next(i for i in range(len(whole)) if whole[i : i + len(alone)] == alone)
    return SubwordTokenizer(
        tokenizer,
        unknown=unknown,
        padding=padding,
        before=whole[:first],
        after=whole[first + len(alone) :],
        lead=lead_of(tokenizer),
    )


def _read(tokenizer: Tokenizer, text: str, *, is_whole: bool = False) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=is_whole).ids
    return ids
