"""Pronouncing dictionaries in the format of CMUdict: a word, then its phonemes; ``word(2)`` is another pronunciation."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report, Source, is_blank, split_spaces
from seqlab.data.records import records_from_rows
from seqlab.data.splits import HashedSplits, known_split
from seqlab.errors import DataError

_HEADWORD = re.compile(r"([^()\s]+)(?:\([0-9]+\))?")
_PHONEME = re.compile(r"[A-Z]+[0-2]?")
_STRESS = "012"
_REMARK = ";;;"

_Pronunciation: TypeAlias = tuple[int, list[str]]
"""Line and phonemes."""


@final
class CmudictReader(Reader):
    """Reads the letters of a word as `tokens` and its phonemes as `labels`, without alignment.

    All splits come from one dictionary: the last part of the path names the split, and a hash assigns each word to a split.
    In train, each pronunciation is a record. Elsewhere, each word is a record: its first pronunciation is in `labels`, the
    others are in `alternatives` (phonemes joined by spaces). Text after `` # `` and lines that start with ``;;;`` are comments.

    Args:
        file: Name of the dictionary in the folder of the path.
        keeps_stress: Whether vowels keep their stress digits (AH0, AH1); if not, equal pronunciations are merged.
        shares: Share of the words in each of train, val and test; together 1.
        seed: Another seed puts other words in each split.

    Raises:
        ConfigError: `shares` has other keys or does not add up to 1.
    """

    def __init__(
        self,
        *,
        file: str = "cmudict.dict",
        keeps_stress: bool = False,
        shares: Mapping[str, float] = MappingProxyType({"train": 0.9, "val": 0.05, "test": 0.05}),
        seed: int = 1,
    ) -> None:
        self._file = file
        self._keeps_stress = keeps_stress
        self._splits = HashedSplits(shares, seed=seed)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        """Return the records of the split that `path` names; the dictionary lies next to it."""
        split = known_split(path.name, corpus="a pronouncing dictionary")
        source = Source(path.parent / self._file, report=report)
        names = ("id", "line", "tokens", "labels", *(() if split == "train" else ("alternatives",)))
        records: list[dict[str, Any]] = []
        for word, pronunciations in self._entries(source).items():
            # by word, so that two pronunciations of a word never stand in different splits
            if self._splits.owner(word) == split:
                first, *others = _distinct(word, pronunciations)
                alternatives = {"alternatives": [" ".join(other["labels"]) for other in others]}
                records += [first, *others] if split == "train" else [first | alternatives]
        return records_from_rows(records, names=names)

    def _entries(self, source: Source) -> dict[str, list[_Pronunciation]]:
        """Return the pronunciations of each word, in file order."""
        entries: dict[str, list[_Pronunciation]] = {}
        for number, line in enumerate(source.lines(), 1):
            entry = line.partition(" #")[0]
            if not is_blank(entry) and not entry.startswith(_REMARK):
                with source.skipping(number):
                    word, phonemes = _word_and_phonemes(entry)
                    if not self._keeps_stress:
                        phonemes = [phoneme.rstrip(_STRESS) for phoneme in phonemes]
                    entries.setdefault(word, []).append((number, phonemes))
        if not entries:
            source.fault(1, "the file holds no words; expected `word PH ON EMES` on each line")
        return entries


def _word_and_phonemes(entry: str) -> tuple[str, list[str]]:
    headword, *phonemes = split_spaces(entry)
    match = _HEADWORD.fullmatch(headword)
    if match is None:
        raise DataError(f"{headword!r} is not a word; expected letters, and `word(2)` for another pronunciation")
    if not phonemes:
        raise DataError(f"{headword!r} has no phonemes; expected `word PH ON EMES`, separated by spaces")
    for phoneme in phonemes:
        if not _PHONEME.fullmatch(phoneme):
            expected = "expected capitals with an optional stress digit 0 to 2; put comments after ` # `"
            raise DataError(f"phoneme {phoneme!r} of {headword!r}; {expected}")
    return match[1].lower(), phonemes


def _distinct(word: str, pronunciations: list[_Pronunciation]) -> list[dict[str, Any]]:
    """Return one record per distinct pronunciation."""
    first_of: dict[tuple[str, ...], dict[str, Any]] = {}
    for number, (line, phonemes) in enumerate(pronunciations, 1):
        # numbered as in the dictionary, so that ids are unique
        name = word if number == 1 else f"{word}({number})"
        record = {"id": name, "line": line, "tokens": list(word), "labels": phonemes}
        first_of.setdefault(tuple(phonemes), record)
    return list(first_of.values())
