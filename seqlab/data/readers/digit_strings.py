"""Strings of spoken digits, concatenated from recordings of single digits such as the Free Spoken Digit Dataset."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
import pyarrow as pa
from datasets import Dataset
from jaxtyping import Float

from seqlab.data.audio.mel import AcousticFeatures
from seqlab.data.audio.wav import read_wav
from seqlab.data.readers.base import Reader, check_at_least
from seqlab.data.readers.source import Report, Source
from seqlab.data.records import nested_frames, records_from_table
from seqlab.data.splits import SPLITS, known_split
from seqlab.errors import ConfigError, DataError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_FOLDER = "recordings"
_NAME = re.compile(r"([0-9])_(.+)_([0-9]+)")

_Samples: TypeAlias = Float[np.ndarray, " _"]
_Speakers: TypeAlias = dict[str, list[tuple[str, _Samples]]]
"""Speaker -> name and samples of each recording."""


@final
@dataclass(kw_only=True)
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

    features: AcousticFeatures = field(default_factory=AcousticFeatures)
    normalisation: str | None = "utterance"
    min_digits: int = 2
    max_digits: int = 6
    min_silence: float = 0.05
    max_silence: float = 0.3
    noise: float = 0.001
    n_test_indices: int = 5
    n_val_indices: int = 2
    n_train: int = 3_000
    n_val: int = 300
    n_test: int = 300
    seed: int = 1

    def __post_init__(self) -> None:
        if self.normalisation not in ("utterance", "speaker", None):
            raise ConfigError(f"normalisation is {self.normalisation!r}; expected utterance, speaker or null")
        check_at_least(min_digits=(self.min_digits, 1), max_digits=(self.max_digits, self.min_digits), noise=(self.noise, 0))
        check_at_least(min_silence=(self.min_silence, 0), max_silence=(self.max_silence, self.min_silence))
        counts = ("n_test_indices", "n_val_indices", "n_train", "n_val", "n_test", "seed")
        check_at_least(**{name: (getattr(self, name), 0) for name in counts})

    def parse(self, path: Path, *, report: Report) -> Dataset:
        """Return the strings of the split that `path` names; the folder of recordings lies next to it.

        Raises:
            DataError: `path` does not name a split, or the split has no recordings.
        """
        split = known_split(path.name, corpus="spoken digits")
        speakers = self._speakers(path.parent / _FOLDER, split=split, report=report)
        means = self._means(speakers)
        n_records = getattr(self, f"n_{split}") if speakers else 0
        # one generator per record: a record does not depend on the size of its split
        generators = (np.random.default_rng((self.seed, SPLITS.index(split), i)) for i in range(n_records))
        strings = [self._string(random, speakers, means) for random in generators]
        ids = [f"digits-{split}-{i}" for i in range(n_records)]
        table = {"id": ids, "frames": nested_frames([string["frames"] for string in strings])}
        table |= {name: [string[name] for string in strings] for name in ("labels", "speaker", "recordings")}
        return records_from_table(pa.table(table))

    def _speakers(self, folder: Path, *, split: str, report: Report) -> _Speakers:
        """Return the valid recordings of a split by speaker."""
        # file systems list files in any order, and the strings are drawn by position
        paths = sorted(folder.glob("*.wav"))
        if not paths:
            raise DataError(f"{folder}: no recordings; expected files DIGIT_SPEAKER_INDEX.wav; set data.dir")
        speakers: _Speakers = {}
        for path in paths:
            source = Source(path, report=report)
            match = _NAME.fullmatch(path.stem)
            if match is None:
                source.fault(1, "expected a name DIGIT_SPEAKER_INDEX.wav, such as 7_george_0.wav; rename or remove the file")
            elif self._owner(int(match[3])) == split:
                recordings = speakers.setdefault(match[2], [])
                with source.skipping(1):
                    recordings.append((path.stem, read_wav(path, rate=self.features.rate)))
        if not speakers:
            change = "change data.reader.n_test_indices and n_val_indices"
            raise DataError(f"{folder}: no recording for split {split}; {change}, or set data.splits.{split}=null")
        # sorted, because the drawn strings depend on the order of the speakers
        return {speaker: recordings for speaker, recordings in sorted(speakers.items()) if recordings}

    def _owner(self, index: int) -> str:
        if index < self.n_test_indices:
            return "test"
        return "val" if index < self.n_test_indices + self.n_val_indices else "train"

    def _means(self, speakers: _Speakers) -> dict[str, Float[np.ndarray, " feature"]]:
        if self.normalisation != "speaker":
            return {}  # computing all frames only for their means takes a while
        return {
            speaker: np.concatenate([self.features.frames(samples) for _, samples in recordings]).mean(0)
            for speaker, recordings in speakers.items()
        }

    def _string(
        self, random: np.random.Generator, speakers: _Speakers, means: Mapping[str, Float[np.ndarray, " feature"]]
    ) -> dict[str, Any]:
        speaker = list(speakers)[random.integers(len(speakers))]
        n_digits = random.integers(self.min_digits, self.max_digits, endpoint=True)
        recordings = [speakers[speaker][i] for i in random.integers(len(speakers[speaker]), size=n_digits)]
        frames = self.features.frames(self._joined((samples for _, samples in recordings), random))
        if self.normalisation is not None:
            frames = frames - (frames.mean(0) if self.normalisation == "utterance" else means[speaker])
        names = [name for name, _ in recordings]
        labels = [DIGITS[int(name[0])] for name in names]
        return {"frames": frames, "labels": labels, "speaker": speaker, "recordings": names}

    def _joined(self, samples: Iterable[_Samples], random: np.random.Generator) -> _Samples:
        """Concatenate recordings with noise between them."""
        first, *others = samples
        joined = [first]
        for following in others:
            n_silent = round(random.uniform(self.min_silence, self.max_silence) * self.features.rate)
            joined += [self.noise * random.standard_normal(n_silent), following]
        return np.concatenate(joined)
