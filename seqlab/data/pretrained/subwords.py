"""Split words into subwords with a fast tokenizer that is stored as data. Needs the package tokenizers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqlab.data.columns import Ragged
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PROBE = "a"
"""A text that shows whether a tokenizer reads spaces as part of words."""


def plain_tokenizer(content: str) -> "Tokenizer":
    """Return the tokenizer of a `tokenizer.json` without truncation and padding, which would drop text.

    Raises:
        ConfigError: the package tokenizers is not installed.
        ValueError: `content` is not a tokenizer.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ConfigError("subwords need the package tokenizers; `pip install 'seqlab[subwords]'`") from error
    try:
        tokenizer = Tokenizer.from_str(content)
    except Exception as error:  # the library raises plain exceptions
        raise ValueError(str(error)) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # Else a word such as "[SEP]" in a text would become a special subword.
    tokenizer.encode_special_tokens = True
    return tokenizer


def lead_of(tokenizer: "Tokenizer") -> str:
    """Return what to put before every word: a space if the tokenizer reads it as part of the word, else nothing."""
    alone, twice = (tokenizer.encode(text, add_special_tokens=False).ids for text in (_PROBE, f"{_PROBE} {_PROBE}"))
    return "" if twice == alone + alone else " "


def subword_ids(tokenizer: "Tokenizer", words: Sequence[str], *, lead: str, unknown: int | None = None) -> Ragged:
    """Return the subword ids of each word, read as if it followed a space; `unknown` alone where a word has none."""
    encodings = tokenizer.encode_batch([lead + word for word in words], add_special_tokens=False)
    none = [] if unknown is None else [unknown]
    ids = [encoding.ids or none for encoding in encodings]
    values = np.asarray([i for row in ids for i in row], dtype=np.int64)
    return Ragged(values, np.cumsum([0, *map(len, ids)], dtype=np.int64))
