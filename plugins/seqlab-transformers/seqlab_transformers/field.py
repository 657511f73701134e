"""The field that splits words into subwords for a transformer, once per distinct word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields import EncodedColumn, Field
from seqlab.errors import ConfigError
from seqlab_transformers.architecture import configuration, position_limit, read_architecture
from seqlab_transformers.folders import CONFIG_FILE, find_folder
from seqlab_transformers.tokenizer import SubwordTokenizer, read_tokenizer, restored_tokenizer
from seqlab_transformers.windows import Windows, cut


@final
@dataclass(frozen=True)
class Subwords:
    """The records of a batch as windows of subword ids, with the position of each word in them."""

    ids: Int[Tensor, "window subword"]
    lengths: Int[Tensor, " window"]
    place: Int[Tensor, " piece"]
    """Index of each subword of each word into the flattened `ids`."""
    counts: Int[Tensor, " word"]
    """Number of subwords of each word."""
    word: Int[Tensor, "batch time"]
    """Index of the word at each step into `counts`; padding steps have 0, even if the batch has no words."""

    @property
    def mask(self) -> Bool[Tensor, "window subword"]:
        """True for subwords and special subwords, False for padding."""
        return torch.arange(self.ids.shape[1], device=self.lengths.device) < self.lengths[:, None]

    def to(self, device: torch.device) -> "Subwords":
        """Return a copy on `device`."""
        return Subwords(**{name: tensor.to(device) for name, tensor in vars(self).items()})


@final
class EncodedSubwords(EncodedColumn):
    """The subwords of all records; batches cut them into windows.

    Args:
        words: For each record, the row of each word in `pieces`.
        pieces: The subword ids of each distinct word.
        tokenizer: Adds the special subwords and padding.
        room: Subwords per window, not counting special ones; None means no limit.
        overlap: Minimum number of subwords that neighbouring windows share.
    """

    lengths: Int[np.ndarray, " row"]

    def __init__(self, words: Ragged, *, pieces: Ragged, tokenizer: SubwordTokenizer, room: int | None, overlap: int) -> None:
        self.words, self.pieces, self.tokenizer = words, pieces, tokenizer
        self.room, self.overlap = room, overlap
        self.lengths = words.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Subwords:
        """Return the windows of the records `rows` and the positions of their words."""
        records = [self._record(row) for row in rows.tolist()]
        cuts = [cut(len(ids), room=self.room, overlap=self.overlap) for ids, _ in records]
        n_windows = sum(len(own.starts) for own in cuts)
        width = max((own.length for own in cuts), default=0) + self.tokenizer.n_special
        windows = np.full((n_windows, width), self.tokenizer.padding, dtype=np.int64)
        # The empty array comes first because a batch may have no windows, and nothing cannot be concatenated.
        lengths, places, first = np.zeros(n_windows, dtype=np.int64), [np.zeros(0, dtype=np.int64)], 0
        for (ids, _), own in zip(records, cuts, strict=True):
            last, length = first + len(own.starts), own.length + self.tokenizer.n_special
            windows[first:last, :length] = self._filled(ids, own)
            lengths[first:last] = length
            within = np.arange(len(ids)) - own.starts[own.window] + len(self.tokenizer.before)
            places.append((first + own.window) * width + within)
            first = last
        counts = np.concatenate([np.zeros(0, dtype=np.int64), *(own for _, own in records)])
        tensors = (windows, lengths, np.concatenate(places), counts, self._steps(rows))
        return Subwords(*map(torch.from_numpy, tensors))

    def _record(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the subwords of a record and the number of subwords of each of its words."""
        codes = self.words.values[self.words.offsets[row] : self.words.offsets[row + 1]]
        counts = self.pieces.lengths[codes]
        before = np.cumsum(counts) - counts
        # Position in `pieces` of each subword: the word's offset, plus how far into the word it is.
        index = np.repeat(self.pieces.offsets[codes] - before, counts) + np.arange(counts.sum())
        return self.pieces.values[index], counts

    def _filled(self, ids: np.ndarray, windows: Windows) -> np.ndarray:
        """Return the windows over `ids`, each with the special subwords before and after it."""
        inner = ids[windows.starts[:, None] + np.arange(windows.length)]
        before, after = (
            np.broadcast_to(np.asarray(special, dtype=np.int64), (len(inner), len(special)))
            for special in (self.tokenizer.before, self.tokenizer.after)
        )
        return np.concatenate([before, inner, after], axis=1)

    def _steps(self, rows: Int[np.ndarray, " batch"]) -> np.ndarray:
        """Return the index of the word at each step, counted over the whole batch; 0 for padding."""
        lengths = self.lengths[rows]
        steps = np.arange(max(1, int(lengths.max(initial=0))))
        firsts = np.cumsum(lengths) - lengths
        return np.where(steps < lengths[:, None], firsts[:, None] + steps, 0)


@final
@dataclass
class SubwordField(Field):
    """The subwords of each word, from the tokenizer of a pretrained transformer.

    Fitting reads the tokenizer and the architecture from the model's folder. A bundle stores both and does not need the folder.

    Args:
        column: Column with the words of a record.
        name: Folder of the transformer, or its name on the Hugging Face hub.
        revision: Branch, tag or commit of a model on the hub; None means the newest.
        window: Maximum number of subwords read at once, including special ones; None means as many as the model can read.
        overlap: Minimum number of subwords that neighbouring windows of a long record share.
    """

    column: str = "tokens"
    name: str = field(kw_only=True)
    revision: str | None = None
    window: int | None = None
    overlap: int = 64
    tokenizer: SubwordTokenizer = field(init=False, repr=False)
    architecture: Mapping[str, Any] = field(init=False, repr=False)
    """The configuration of the transformer, as in `config.json`."""
    room: int | None = field(init=False, repr=False)
    """Subwords of a record in a window, not counting special ones; None means no limit."""
    folder: Path | None = field(init=False, repr=False, default=None)
    """The folder with the pretrained weights; None in a restored field, because a bundle has the weights itself."""

    @property
    def origin(self) -> str:
        """Name and revision of the transformer."""
        return f"transformer: {self.name}{'' if self.revision is None else f', revision {self.revision}'}, licence not stated"

    def fit(self, columns: Columns) -> None:
        """Read the tokenizer and the architecture.

        Raises: ConfigError if the model cannot be read or `window` and `overlap` do not fit it.
        """
        self.folder = find_folder(self.name, revision=self.revision)
        self.architecture = read_architecture(self.folder / CONFIG_FILE)
        self.tokenizer = read_tokenizer(self.folder)
        n_known, n_subwords = configuration(self.architecture).vocab_size, self.tokenizer.tokenizer.get_vocab_size()
        if n_subwords > n_known:  # fewer are fine: many models pad their vocabulary
            raise ConfigError(
                f"{self.folder}: the tokenizer has {n_subwords} subwords, but the model has embeddings for {n_known}; "
                "expected a tokenizer and a model that were saved together"
            )
        self.room = self._room(position_limit(self.architecture))

    def encode(self, columns: Columns) -> EncodedSubwords:
        """Return the subwords of every word."""
        strings = columns.strings(self.column)
        return EncodedSubwords(
            strings.codes,
            pieces=self.tokenizer.ids(strings.distinct),
            tokenizer=self.tokenizer,
            room=self.room,
            overlap=self.overlap,
        )

    def state(self) -> Mapping[str, Any]:
        """Return the architecture, the special subwords and the room of a window."""
        return {"architecture": self.architecture, "tokenizer": self.tokenizer.facts(), "room": self.room}

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return the tokenizer as the bytes of its JSON text, which may have several megabytes."""
        return {"tokenizer": np.frombuffer(self.tokenizer.content().encode(), dtype=np.uint8)}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Restore the tokenizer and the architecture from a bundle."""
        self.architecture, self.room = state["architecture"], state["room"]
        self.tokenizer = restored_tokenizer(arrays["tokenizer"].tobytes().decode(), state["tokenizer"])

    def _room(self, limit: int | None) -> int | None:
        """Return the room of a window after checking `window` and `overlap` against the `limit` of the model."""
        if self.window is not None and limit is not None and self.window > limit:
            raise ConfigError(
                f"field.window is {self.window}, but {self.name} reads at most {limit} subwords; set {limit} or null"
            )
        size = limit if self.window is None else self.window
        room = None if size is None else size - self.tokenizer.n_special
        if room is not None and room < 1:
            raise ConfigError(
                f"field.window is {size}; expected more than the {self.tokenizer.n_special} special subwords in it"
            )
        if self.overlap < 0 or (room is not None and self.overlap >= room):
            raise ConfigError(
                f"field.overlap is {self.overlap}; expected at least 0 and less than the room of a window ({room})"
            )
        return room
