"""The subwords of words: what a transformer reads of a record, encoded once."""

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
    """The windows that the records of a batch are read in, and where in them the subwords of each word stand."""

    ids: Int[Tensor, "window subword"]
    lengths: Int[Tensor, " window"]
    place: Int[Tensor, " piece"]
    """Of each subword of each word, one after the other: where it stands among the windows laid end to end."""
    counts: Int[Tensor, " word"]
    """Subwords of each word, one after the other."""
    word: Int[Tensor, "batch time"]
    """Which of these words stands at each step; padding steps point at word 0, also where there is none."""

    @property
    def mask(self) -> Bool[Tensor, "window subword"]:
        """True = a subword, or one that the model wants around a text; False = padding."""
        return torch.arange(self.ids.shape[1], device=self.lengths.device) < self.lengths[:, None]

    def to(self, device: torch.device) -> "Subwords":
        """Return the same on `device`."""
        return Subwords(**{name: tensor.to(device) for name, tensor in vars(self).items()})


@final
class EncodedSubwords(EncodedColumn):
    """The subwords of all records; windows are cut when a batch is made."""

    lengths: Int[np.ndarray, " row"]

    def __init__(
        self, words: Ragged, *, spellings: Ragged, tokenizer: SubwordTokenizer, room: int | None, overlap: int
    ) -> None:
        """Take the words of each record, as rows of `spellings`: the subwords of each distinct word."""
        self.words, self.spellings, self.tokenizer = words, spellings, tokenizer
        self.room, self.overlap = room, overlap
        self.lengths = words.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Subwords:
        """Return the windows of `rows`, and the places of their words."""
        records = [self._record(row) for row in rows.tolist()]
        cuts = [cut(len(ids), room=self.room, overlap=self.overlap) for ids, _ in records]
        n_windows = sum(len(one.starts) for one in cuts)
        width = max((one.length for one in cuts), default=0) + self.tokenizer.n_special
        windows = np.full((n_windows, width), self.tokenizer.padding, dtype=np.int64)
        lengths, places, first = np.zeros(n_windows, dtype=np.int64), [np.zeros(0, dtype=np.int64)], 0
        for (ids, _), one in zip(records, cuts, strict=True):
            last = first + len(one.starts)
            windows[first:last, : one.length + self.tokenizer.n_special] = self._filled(ids, one)
            lengths[first:last] = one.length + self.tokenizer.n_special
            within = np.arange(len(ids)) - one.starts[one.window] + len(self.tokenizer.before)
            places.append((first + one.window) * width + within)
            first = last
        counts = np.concatenate([np.zeros(0, dtype=np.int64), *(own for _, own in records)])
        tensors = (windows, lengths, np.concatenate(places), counts, self._steps(rows))
        return Subwords(*map(torch.from_numpy, tensors))

    def _record(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the subwords of a record, and how many each of its words has."""
        codes = self.words.values[self.words.offsets[row] : self.words.offsets[row + 1]]
        counts = self.spellings.lengths[codes]
        before = np.cumsum(counts) - counts
        index = np.repeat(self.spellings.offsets[codes] - before, counts) + np.arange(counts.sum())
        return self.spellings.values[index], counts

    def _filled(self, ids: np.ndarray, windows: Windows) -> np.ndarray:
        """Return the windows over `ids`, each between the subwords that the model wants around a text."""
        own = ids[windows.starts[:, None] + np.arange(windows.length)]
        around = [np.broadcast_to(np.asarray(part, dtype=np.int64), (len(own), len(part))) for part in self._around]
        return np.concatenate([around[0], own, around[1]], axis=1)

    @property
    def _around(self) -> tuple[list[int], list[int]]:
        return list(self.tokenizer.before), list(self.tokenizer.after)

    def _steps(self, rows: Int[np.ndarray, " batch"]) -> np.ndarray:
        lengths = self.lengths[rows]
        steps = np.arange(max(1, int(lengths.max(initial=0))))
        firsts = np.cumsum(lengths) - lengths
        return np.where(steps < lengths[:, None], firsts[:, None] + steps, 0)


@final
@dataclass
class SubwordField(Field):
    """The subwords of each word, as the tokenizer of a pretrained model spells it.

    Fitting reads tokenizer and architecture from the model's folder; a bundle keeps both, and needs the folder no more.
    """

    column: str
    name: str
    """Folder of the model, or its name on the Hugging Face hub."""
    revision: str | None
    """Of a model of the hub: branch, tag or commit; None is the newest."""
    window: int | None
    """Subwords that the model reads at once, those that it wants around a text included; None: as many as it can."""
    overlap: int
    """Subwords that neighbouring windows of a longer record share at least."""
    tokenizer: SubwordTokenizer = field(init=False, repr=False)
    architecture: Mapping[str, Any] = field(init=False, repr=False)
    """What the model is built from, as `config.json` has it."""
    room: int | None = field(init=False, repr=False)
    """Subwords of a record in a window; None: without end."""
    folder: Path | None = field(init=False, repr=False, default=None)
    """Where the weights of a new model come from; None once restored: a bundle has the weights itself."""

    def fit(self, columns: Columns) -> None:
        """Read the tokenizer and the architecture.

        Raises: ConfigError where `name` is no model that can be read, and for windows that it cannot have.
        """
        self.folder = find_folder(self.name, revision=self.revision)
        self.architecture = read_architecture(self.folder / CONFIG_FILE)
        self.tokenizer = read_tokenizer(self.folder)
        n_known, n_spelled = configuration(self.architecture).vocab_size, self.tokenizer.tokenizer.get_vocab_size()
        if n_spelled > n_known:
            raise ConfigError(
                f"{self.folder}: the tokenizer has {n_spelled} subwords, but the model takes {n_known}; "
                "expected a tokenizer and a model that were saved together"
            )
        self.room = self._room(position_limit(self.architecture))

    def encode(self, columns: Columns) -> EncodedSubwords:
        """Return the subwords of every step's word."""
        strings = columns.strings(self.column)
        return EncodedSubwords(
            strings.codes,
            spellings=self.tokenizer.ids(strings.distinct),
            tokenizer=self.tokenizer,
            room=self.room,
            overlap=self.overlap,
        )

    def state(self) -> Mapping[str, Any]:
        """Return the architecture, what the model wants around a text, and how much of one it reads at once."""
        return {"architecture": self.architecture, "tokenizer": self.tokenizer.facts(), "room": self.room}

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return the tokenizer: the bytes of its JSON text, of some megabytes."""
        return {"tokenizer": np.frombuffer(self.tokenizer.content().encode(), dtype=np.uint8)}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over tokenizer and architecture."""
        self.architecture, self.room = state["architecture"], state["room"]
        self.tokenizer = restored_tokenizer(arrays["tokenizer"].tobytes().decode(), state["tokenizer"])

    def _room(self, limit: int | None) -> int | None:
        """Return the room of a window, checked against what the model can read at once."""
        if self.window is not None and limit is not None and self.window > limit:
            raise ConfigError(f"field.window is {self.window}; {self.name} reads {limit} subwords at most: set {limit} or null")
        size = limit if self.window is None else self.window
        room = None if size is None else size - self.tokenizer.n_special
        if room is not None and room < 1:
            raise ConfigError(f"field.window is {size}; expected more than the {self.tokenizer.n_special} around every text")
        if self.overlap < 0 or (room is not None and self.overlap >= room):
            raise ConfigError(f"field.overlap is {self.overlap}; expected at least 0, and less than a window's room, {room}")
        return room
