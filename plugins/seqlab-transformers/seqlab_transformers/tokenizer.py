"""Words as subwords: a fast tokenizer as data, and what a model wants around the subwords of a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from seqlab.data.columns import Ragged
from seqlab.errors import ConfigError

_PROBE = "a"
"""A text to find out with what a tokenizer puts around every text, and before a word that is not the first."""

_FILES = ("tokenizer.json", "vocab.*", "*.model")
"""What tokenizers are read from: one of these."""


@final
@dataclass(frozen=True)
class SubwordTokenizer:
    """Ids of the subwords of words. Each word is read as it stands within a text, wherever it stands: behind a space."""

    tokenizer: Tokenizer
    unknown: int
    """Id of a word that leaves no subword, as an empty one, or one of characters that the tokenizer strips."""
    padding: int
    before: Sequence[int]
    """Ids that the model wants in front of every text."""
    after: Sequence[int]
    """Ids that it wants behind."""
    lead: str
    """What comes before a word that is not the first: a space, where the tokenizer takes it as part of the word."""

    @property
    def n_special(self) -> int:
        """Subwords that every text has beside its own."""
        return len(self.before) + len(self.after)

    def ids(self, words: Sequence[str]) -> Ragged:
        """Return the ids of each word's subwords, one at least.

        A word that is spelled like a special subword, as `[SEP]` or `<s>`, is read as what it is: text.
        """
        encodings = self.tokenizer.encode_batch([self.lead + word for word in words], add_special_tokens=False)
        ids = [encoding.ids or [self.unknown] for encoding in encodings]
        values = np.asarray([i for row in ids for i in row], dtype=np.int64)
        return Ragged(values, np.cumsum([0, *map(len, ids)], dtype=np.int64))

    def facts(self) -> dict[str, Any]:
        """Return all but the tokenizer itself, as JSON values."""
        special = {"unknown": self.unknown, "padding": self.padding, "lead": self.lead}
        return {**special, "before": list(self.before), "after": list(self.after)}

    def content(self) -> str:
        """Return the tokenizer itself: what `tokenizer.json` holds."""
        text: str = self.tokenizer.to_str()
        return text


def read_tokenizer(folder: Path) -> SubwordTokenizer:
    """Return the tokenizer that a model's folder holds.

    Raises: ConfigError where there is none, or none that is fast.
    """
    if not any(path for pattern in _FILES for path in folder.glob(pattern)):  # of none, transformers makes an empty one
        raise ConfigError(f"{folder}: no tokenizer; expected a tokenizer.json, as save_pretrained of a tokenizer leaves")
    try:
        found = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{folder}: no tokenizer that can be read: {reason:.300}; expected a tokenizer.json") from error
    if not found.is_fast:
        raise ConfigError(
            f"{folder}: {type(found).__name__} is no fast tokenizer, which alone tells the subwords of each word; "
            "choose a model with a tokenizer.json"
        )
    ids = (found.unk_token_id, found.mask_token_id, found.eos_token_id, found.pad_token_id, 0)
    unknown = next(i for i in ids if i is not None)
    tokenizer = _plain(found.backend_tokenizer.to_str())
    if not _read(tokenizer, _PROBE):
        raise ConfigError(f"{folder}: the tokenizer reads {_PROBE!r} as nothing; choose a model for text")
    return _measured(tokenizer, unknown=unknown, padding=found.pad_token_id or 0)


def restored_tokenizer(content: str, facts: Mapping[str, Any]) -> SubwordTokenizer:
    """Return the tokenizer whose `content` and `facts` are given."""
    return SubwordTokenizer(_plain(content), **facts)


def _plain(content: str) -> Tokenizer:
    """Return the tokenizer as it reads text, without what some are saved with: a length to cut or to fill up to."""
    tokenizer = Tokenizer.from_str(content)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def _measured(tokenizer: Tokenizer, *, unknown: int, padding: int) -> SubwordTokenizer:
    alone, whole = _read(tokenizer, _PROBE), _read(tokenizer, _PROBE, is_whole=True)
    first = next(i for i in range(len(whole)) if whole[i : i + len(alone)] == alone)
    return SubwordTokenizer(
        tokenizer,
        unknown=unknown,
        padding=padding,
        before=whole[:first],
        after=whole[first + len(alone) :],
        lead="" if _read(tokenizer, f"{_PROBE} {_PROBE}") == alone + alone else " ",
    )


def _read(tokenizer: Tokenizer, text: str, *, is_whole: bool = False) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=is_whole).ids
    return ids
