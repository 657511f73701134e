"""Strings of spoken digits, joined from recordings of single ones as the Free Spoken Digit Dataset has them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias, final

import numpy as np
import pyarrow as pa
from datasets import Dataset
from jaxtyping import Float

from seqlab.data.audio.mel import AcousticFeatures
from seqlab.data.audio.wav import read_wav
from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report, Source
from seqlab.data.records import nested_frames
from seqlab.data.splits import SPLITS, known_split
from seqlab.errors import ConfigError, DataError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_FOLDER = "recordings"
_NAME = re.compile(r"([0-9])_(.+)_([0-9]+)")
_NORMALISATIONS = ("utterance", "speaker", None)


_Samples: TypeAlias = Float[np.ndarray, " sample"]
_Frames: TypeAlias = Float[np.ndarray, "time feature"]
_Mean: TypeAlias = Float[np.ndarray, " feature"]


class _Recording(NamedTuple):
    name: str
    samples: _Samples


class _String(NamedTuple):
    speaker: str
    recordings: list[str]
    frames: _Frames


_Speakers: TypeAlias = dict[str, list[_Recording]]


@final
class DigitStringsReader(Reader):
    """Joins recordings ``recordings/DIGIT_SPEAKER_INDEX.wav`` of one speaker into strings of digits.

    A record has `frames` as `features` makes them and the digits' names as `labels`, without positions, beside its `speaker`
    and the names of its `recordings`. Between digits lie `min_silence` to `max_silence` seconds of noise with the deviation
    `noise` (of samples from -1 to 1). Indices below `n_test_indices` belong to the test split (officially 5), the next
    `n_val_indices` to val, the others to train. `normalisation` takes a mean off each feature: that of the utterance, that of
    the speaker's recordings in the split, or none (None). `n_train`, `n_val` and `n_test` count records, made when they are
    read: the same ones for the same seed, and a longer split begins with the records of a shorter one.

    Raises: ConfigError for values out of range.
    """

    def __init__(
        self,
        *,
        features: AcousticFeatures,
        normalisation: str | None,
        min_digits: int,
        max_digits: int,
        min_silence: float,
        max_silence: float,
        noise: float,
        n_test_indices: int,
        n_val_indices: int,
        n_train: int,
        n_val: int,
        n_test: int,
        seed: int,
    ) -> None:
        if normalisation not in _NORMALISATIONS:
            raise ConfigError(f"normalisation is {normalisation!r}; expected utterance, speaker or null")
        _check_least(min_digits=(min_digits, 1), max_digits=(max_digits, min_digits))
        _check_least(min_silence=(min_silence, 0), max_silence=(max_silence, min_silence), noise=(noise, 0))
        _check_least(n_test_indices=(n_test_indices, 0), n_val_indices=(n_val_indices, 0))
        _check_least(n_train=(n_train, 0), n_val=(n_val, 0), n_test=(n_test, 0), seed=(seed, 0))
        self._features = features
        self._normalisation = normalisation
        self._n_digits = (min_digits, max_digits)
        self._silence = (min_silence, max_silence)
        self._noise = noise
        self._ends = {"test": n_test_indices, "val": n_test_indices + n_val_indices}
        self._sizes = {"train": n_train, "val": n_val, "test": n_test}
        self._seed = seed

    def parse(self, path: Path, *, report: Report) -> Dataset:
        """Return the strings of the split that `path` names, out of the folder of recordings beside it.

        Raises: DataError for another name, and where there is no recording for the split.
        """
        split = known_split(path.name, corpus="spoken digits")
        speakers = self._speakers(path.parent / _FOLDER, split=split, report=report)
        means = self._means(speakers)
        n_records = self._sizes[split] if speakers else 0
        strings = [self._string((self._seed, SPLITS.index(split), i), speakers) for i in range(n_records)]
        table = {
            "id": [f"digits-{split}-{i}" for i in range(n_records)],
            "frames": nested_frames([self._normalised(string, means) for string in strings]),
            "labels": [[DIGITS[int(name[0])] for name in string.recordings] for string in strings],
            "speaker": [string.speaker for string in strings],
            "recordings": [string.recordings for string in strings],
        }
        return Dataset(pa.table(table))

    def _speakers(self, folder: Path, *, split: str, report: Report) -> _Speakers:
        """Return the sound recordings of a split by speaker."""
        paths = sorted(folder.glob("*.wav"))
        if not paths:
            raise DataError(f"{folder}: no recordings; expected files DIGIT_SPEAKER_INDEX.wav there: set data.dir")
        speakers: dict[str, list[_Recording]] = {}
        is_empty = True
        for path in paths:
            source = Source(path, report=report)
            match = _NAME.fullmatch(path.stem)
            if match is None:
                source.fault(1, "expected the name DIGIT_SPEAKER_INDEX.wav, as 7_george_0.wav: rename the file, or remove it")
            elif self._owner(int(match[3])) == split:
                is_empty = False
                speakers.setdefault(match[2], []).extend(self._read(source))
        if is_empty:
            found = f"no recording for split {split}, whose indices follow from data.reader.n_test_indices and n_val_indices"
            raise DataError(f"{folder}: {found}; change those, or leave the split out with data.splits.{split}=null")
        return {speaker: recordings for speaker, recordings in sorted(speakers.items()) if recordings}

    def _read(self, source: Source) -> list[_Recording]:
        """Return the recording of one file, or none where it is at fault."""
        try:
            return [_Recording(source.path.stem, read_wav(source.path, rate=self._features.rate))]
        except DataError as error:
            source.fault(1, str(error))
            return []

    def _owner(self, index: int) -> str:
        return next((split for split, end in self._ends.items() if index < end), "train")

    def _string(self, seed: tuple[int, int, int], speakers: _Speakers) -> _String:
        random = np.random.default_rng(seed)
        speaker = list(speakers)[random.integers(len(speakers))]
        n_digits = random.integers(*self._n_digits, endpoint=True)
        recordings = [speakers[speaker][i] for i in random.integers(len(speakers[speaker]), size=n_digits)]
        samples = self._joined([recording.samples for recording in recordings], random)
        return _String(speaker, [recording.name for recording in recordings], self._features.frames(samples))

    def _joined(self, samples: Sequence[Float[np.ndarray, " _"]], random: np.random.Generator) -> _Samples:
        """Return the recordings one after the other, with noise between them."""
        joined = [samples[0]]
        for following in samples[1:]:
            n_silent = round(random.uniform(*self._silence) * self._features.rate)
            joined += [self._noise * random.standard_normal(n_silent), following]
        return np.concatenate(joined)

    def _means(self, speakers: _Speakers) -> dict[str, _Mean]:
        if self._normalisation != "speaker":
            return {}
        return {
            speaker: np.concatenate([self._features.frames(recording.samples) for recording in recordings]).mean(0)
            for speaker, recordings in speakers.items()
        }

    def _normalised(self, string: _String, means: Mapping[str, _Mean]) -> _Frames:
        if self._normalisation is None:
            return string.frames
        mean = string.frames.mean(0) if self._normalisation == "utterance" else means[string.speaker]
        return np.asarray(string.frames - mean)


def _check_least(**options: tuple[float, float]) -> None:
    for name, (value, least) in options.items():
        if value < least:
            raise ConfigError(f"{name} is {value}; expected {least} or more: set data.reader.{name}")
