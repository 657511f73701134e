"""Strings of spoken digits, concatenated from recordings of single digits such as the Free Spoken Digit Dataset."""

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
from seqlab.data.readers.base import Reader, check_at_least
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
    """Generates strings of digits, each from recordings ``recordings/DIGIT_SPEAKER_INDEX.wav`` of one speaker.

    A record has `frames`, the names of the digits as `labels` without alignment, its `speaker` and its `recordings`. The same
    seed gives the same records, and a larger split begins with the records of a smaller one.

    Args:
        features: Computes the frames from samples.
        normalisation: Mean to subtract from each feature: that of the ``utterance``, or that of the ``speaker`` (all
            recordings in the split); None: no normalisation.
        min_digits: Digits in the shortest string, at least 1.
        max_digits: Digits in the longest string.
        min_silence: Shortest silence between two digits, in seconds.
        max_silence: Longest silence between two digits, in seconds.
        noise: Standard deviation of the noise in the silence, for samples between -1 and 1.
        n_test_indices: Recordings with an index below this belong to the test split (officially 5).
        n_val_indices: Number of the following indices for the validation split; all others are for training.
        n_train: Records in the training split.
        n_val: Records in the validation split.
        n_test: Records in the test split.
        seed: Selects the strings, 0 or more.

    Raises:
        ConfigError: a value is out of range.
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
        check_at_least(min_digits=(min_digits, 1), max_digits=(max_digits, min_digits))
        check_at_least(min_silence=(min_silence, 0), max_silence=(max_silence, min_silence), noise=(noise, 0))
        check_at_least(n_test_indices=(n_test_indices, 0), n_val_indices=(n_val_indices, 0))
        check_at_least(n_train=(n_train, 0), n_val=(n_val, 0), n_test=(n_test, 0), seed=(seed, 0))
        self._features = features
        self._normalisation = normalisation
        self._n_digits = (min_digits, max_digits)
        self._silence = (min_silence, max_silence)
        self._noise = noise
        self._ends = {"test": n_test_indices, "val": n_test_indices + n_val_indices}
        self._sizes = {"train": n_train, "val": n_val, "test": n_test}
        self._seed = seed

    def parse(self, path: Path, *, report: Report) -> Dataset:
        """Return the strings of the split that `path` names; the folder of recordings lies next to it.

        Raises:
            DataError: `path` does not name a split, or the split has no recordings.
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
        """Return the valid recordings of a split by speaker."""
        paths = sorted(folder.glob("*.wav"))
        if not paths:
            raise DataError(f"{folder}: no recordings; expected files DIGIT_SPEAKER_INDEX.wav; set data.dir")
        speakers: dict[str, list[_Recording]] = {}
        is_empty = True
        for path in paths:
            source = Source(path, report=report)
            match = _NAME.fullmatch(path.stem)
            if match is None:
                source.fault(1, "expected a name DIGIT_SPEAKER_INDEX.wav, such as 7_george_0.wav; rename or remove the file")
            elif self._owner(int(match[3])) == split:
                is_empty = False
                speakers.setdefault(match[2], []).extend(self._read(source))
        if is_empty:
            change = "change data.reader.n_test_indices and n_val_indices"
            raise DataError(f"{folder}: no recording for split {split}; {change}, or set data.splits.{split}=null")
        return {speaker: recordings for speaker, recordings in sorted(speakers.items()) if recordings}

    def _read(self, source: Source) -> list[_Recording]:
        """Return the recording in one file; an empty list after reporting a fault."""
        try:
            return [_Recording(source.path.stem, read_wav(source.path, rate=self._features.rate))]
        except DataError as error:
            source.fault(1, str(error))
            return []

    def _owner(self, index: int) -> str:
        return next((split for split, end in self._ends.items() if index < end), "train")

    def _string(self, seed: tuple[int, int, int], speakers: _Speakers) -> _String:
        random = np.random.default_rng(seed)  # one generator per record: a record does not depend on the size of its split
        speaker = list(speakers)[random.integers(len(speakers))]
        n_digits = random.integers(*self._n_digits, endpoint=True)
        recordings = [speakers[speaker][i] for i in random.integers(len(speakers[speaker]), size=n_digits)]
        samples = self._joined([recording.samples for recording in recordings], random)
        return _String(speaker, [recording.name for recording in recordings], self._features.frames(samples))

    def _joined(self, samples: Sequence[Float[np.ndarray, " _"]], random: np.random.Generator) -> _Samples:
        """Concatenate recordings with noise between them."""
        joined = [samples[0]]
        for following in samples[1:]:
            n_silent = round(random.uniform(*self._silence) * self._features.rate)
            joined += [self._noise * random.standard_normal(n_silent), following]
        return np.concatenate(joined)

    def _means(self, speakers: _Speakers) -> dict[str, _Mean]:
        if self._normalisation != "speaker":
            return {}  # computing all frames only for their means takes a while
        return {
            speaker: np.concatenate([self._features.frames(recording.samples) for recording in recordings]).mean(0)
            for speaker, recordings in speakers.items()
        }

    def _normalised(self, string: _String, means: Mapping[str, _Mean]) -> _Frames:
        if self._normalisation is None:
            return string.frames
        mean = string.frames.mean(0) if self._normalisation == "utterance" else means[string.speaker]
        return np.asarray(string.frames - mean)
