"""Pronouncing dictionaries in the form of CMUdict: a word, then its phonemes; ``word(2)`` is said in another way."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report, Source, is_blank, split_spaces
from seqlab.data.records import records_from_columns
from seqlab.data.splits import HashedSplits, known_split

_HEADWORD = re.compile(r"([^()\s]+)(?:\([0-9]+\))?")
_PHONEME = re.compile(r"[A-Z]+[0-2]?")
_STRESS = "012"
_REMARK = ";;;"


class _Pronunciation(NamedTuple):
    line: int
    phonemes: list[str]


@final
class CmudictReader(Reader):
    """Reads letters as `tokens` and phonemes as `labels`, without any alignment, of the words that a split owns.

    The dictionary `file` is one for all splits: a path's last part names the split, and a hash of the word with `seed`
    says which one owns it, by `shares`. In train each way to say a word is a record; elsewhere a word is one record,
    its first pronunciation the `labels`, the others `alternatives` (their phonemes joined by spaces). Stress digits are
    kept where `keeps_stress`; ways to say a word that differ in nothing else count once. What stands behind `` # ``, and
    lines that start with ``;;;``, are remarks.

    Raises: ConfigError for shares that are none.
    """

    def __init__(self, *, file: str, keeps_stress: bool, shares: dict[str, float], seed: int) -> None:
        self._file = file
        self._keeps_stress = keeps_stress
        self._splits = HashedSplits(shares, seed=seed)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        """Return the records of the split that `path` names, out of the dictionary beside it."""
        split = known_split(path.name, corpus="a pronouncing dictionary")
        source = Source(path.parent / self._file, report=report)
        to_records = _each_way if split == "train" else _first_way
        records = [
            record
            for word, ways in self._entries(source).items()
            if self._splits.owner(word) == split
            for record in to_records(word, ways)
        ]
        names = ("id", "line", "tokens", "labels", *(() if split == "train" else ("alternatives",)))
        return records_from_columns({name: [record[name] for record in records] for name in names})

    def _entries(self, source: Source) -> dict[str, list[_Pronunciation]]:
        """Return the ways to say each word, in the order of the file."""
        entries: dict[str, list[_Pronunciation]] = {}
        for number, line in enumerate(source.lines(), 1):
            entry = line.partition(" #")[0]
            if is_blank(entry) or entry.startswith(_REMARK):
                continue
            headword, *phonemes = split_spaces(entry)
            match = _HEADWORD.fullmatch(headword)
            if match is None:
                source.fault(number, f"{headword!r} is no word; expected letters, and `word(2)` for another pronunciation")
            elif self._phonemes_sound(headword, phonemes, line=number, source=source):
                said = phonemes if self._keeps_stress else [phoneme.rstrip(_STRESS) for phoneme in phonemes]
                entries.setdefault(match[1].lower(), []).append(_Pronunciation(number, said))
        if not entries:
            source.fault(1, "the file holds no words; expected `word PH ON EMES` on each line")
        return entries

    def _phonemes_sound(self, headword: str, phonemes: list[str], *, line: int, source: Source) -> bool:
        if not phonemes:
            source.fault(line, f"{headword!r} has no phonemes; expected `word PH ON EMES`, apart by spaces: add them")
            return False
        for phoneme in phonemes:
            if not _PHONEME.fullmatch(phoneme):
                expected = "expected capitals, then perhaps a stress digit 0 to 2; put comments behind ` # `"
                source.fault(line, f"phoneme {phoneme!r} of {headword!r}; {expected}")
                return False
        return True


def _each_way(word: str, ways: list[_Pronunciation]) -> Iterator[dict[str, Any]]:
    """Yield a record for each pronunciation, without the further ones that are equal."""
    said: set[tuple[str, ...]] = set()
    for number, (line, phonemes) in enumerate(ways, 1):
        if tuple(phonemes) not in said:
            said.add(tuple(phonemes))
            name = word if number == 1 else f"{word}({number})"
            yield {"id": name, "line": line, "tokens": list(word), "labels": phonemes}


def _first_way(word: str, ways: list[_Pronunciation]) -> Iterator[dict[str, Any]]:
    """Yield one record, with its further pronunciations as alternatives."""
    first, *others = _each_way(word, ways)
    yield first | {"alternatives": [" ".join(other["labels"]) for other in others]}
