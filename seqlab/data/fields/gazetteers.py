"""Gazetteers: lists of names, and where records have them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import EncodedColumn, Field
from seqlab.data.fields.word_views import get_view
from seqlab.errors import ConfigError, DataError

OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
N_PLACES: Final = 4
"""Places of a step in a name: begin, inside, end, or the only step."""


@final
class EncodedMatches(EncodedColumn):
    """The place of each step in the names of each list."""

    def __init__(self, places: Ragged) -> None:
        self.places = places
        self.lengths = places.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Tensor:
        """Return places (batch, time, list)."""
        return torch.from_numpy(self.places.padded(rows, padding=OUTSIDE))


@final
@dataclass
class GazetteerField(Field):
    """Names of lists in records: of each list the longest matches, from left to right, which do not overlap.

    A name matches tokens that have the same characters in the same order; spaces do not count, so that it does not matter how
    data split names into tokens. A bundle stores the lists.

    Args:
        column: Column with one token per step.
        paths: Kind of name -> its file, with one name a line; empty lines and surrounding spaces are ignored.
        view: View of words (see `word_views`) by which names and tokens are compared, such as ``lower``.
    """

    column: str = "tokens"
    paths: dict[str, str] = field(default_factory=dict)
    view: str = "identity"
    names: dict[str, frozenset[str]] = field(init=False, repr=False)
    """Kind -> its names, viewed and without spaces."""

    @property
    def origin(self) -> str:
        return f"gazetteers: {', '.join(self.paths.values())}, licence not stated"

    def fit(self, columns: Columns) -> None:
        """Read the lists; the training records are not needed.

        Raises:
            ConfigError: there is no list.
            DataError: a file is missing, is not UTF-8, or has no names.
        """
        if not self.paths:
            raise ConfigError("paths is empty; set embedding.parts.gazetteers.field.paths={PER: people.txt}")
        view = get_view(self.view)
        self.names = {kind: frozenset(map(view, read_names(Path(path).expanduser()))) for kind, path in self.paths.items()}

    def encode(self, columns: Columns) -> EncodedMatches:
        strings, view = columns.strings(self.column), get_view(self.view)
        words = list(map(view, strings.distinct))
        places = np.zeros((len(strings.codes.values), len(self.names)), dtype=np.int64)
        matchers = [_Matcher(names) for names in self.names.values()]
        offsets = strings.codes.offsets.tolist()
        for first, last in pairwise(offsets):
            tokens = [words[code] for code in strings.codes.values[first:last].tolist()]
            for column, matcher in enumerate(matchers):
                for start, end in matcher.matches(tokens):
                    places[first + start : first + end, column] = INSIDE
                    places[first + start, column] = BEGIN
                    places[first + end - 1, column] = END if end - start > 1 else SINGLE
        return EncodedMatches(Ragged(places, strings.codes.offsets))

    def state(self) -> Mapping[str, Any]:
        return {"names": {kind: sorted(names) for kind, names in self.names.items()}}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.names = {kind: frozenset(names) for kind, names in state["names"].items()}


def read_names(path: Path) -> list[str]:
    """Return the names of a file, without spaces.

    Raises:
        DataError: the file is missing, is not UTF-8, or has no names.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); name a file with one name a line") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 (byte {error.start}); convert it, for example with iconv") from error
    names = ["".join(line.split()) for line in lines]
    if not any(names):
        raise DataError(f"{path}: has no names; expected one name a line")
    return [name for name in names if name]


class _Matcher:
    """Finds the names of one list."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self.longest = max(map(len, self.names), default=0)

    def matches(self, tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Yield start and end of the longest matches, from left to right."""
        start = 0
        while start < len(tokens):
            end = self._end(tokens, start)
            if end:
                yield start, end
            start = end or start + 1

    def _end(self, tokens: Sequence[str], start: int) -> int:
        """Return the end of the longest name that begins at `start`; 0 if there is none."""
        text, found = "", 0
        for i in range(start, len(tokens)):
            text += tokens[i]
            if len(text) > self.longest:
                break
            if text in self.names:
                found = i + 1
        return found
