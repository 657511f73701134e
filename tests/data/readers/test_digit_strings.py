from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from seqlab.data.audio.mel import AcousticFeatures
from seqlab.data.columns import Columns
from seqlab.data.fields import FramesField, LabelSequenceField
from seqlab.data.readers import DigitStringsReader, Reader
from seqlab.data.readers.digit_strings import DIGITS
from seqlab.data.readers.source import Fault
from seqlab.errors import ConfigError, DataError
from seqlab.testing import ReaderContract

Open = Callable[..., Reader]

FEATURES = AcousticFeatures(rate=8000, window=0.025, hop=0.01, n_filters=5, n_coefficients=None, stacking=1, subsampling=1)
OPTIONS: dict[str, Any] = {
    "features": FEATURES,
    "normalisation": None,
    "min_digits": 2,
    "max_digits": 4,
    "min_silence": 0.05,
    "max_silence": 0.1,
    "noise": 0.001,
    "n_test_indices": 1,
    "n_val_indices": 1,
    "n_train": 20,
    "n_val": 5,
    "n_test": 5,
    "seed": 1,
}


def write(folder: Path, *names: str, n_samples: int = 480) -> Path:
    """Write recordings of noise, each of its own loudness."""
    (folder / "recordings").mkdir(exist_ok=True)
    for i, name in enumerate(names):
        samples = np.random.default_rng(i).standard_normal(n_samples) * 1000 * (i + 1)
        wavfile.write(folder / "recordings" / f"{name}.wav", 8000, samples.astype(np.int16))
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path, *("_".join(parts) for parts in product("059", ("ada", "von_k"), "0123")))


def records_of(path: Path, **options: Any) -> list[dict[str, Any]]:
    return DigitStringsReader(**{**OPTIONS, **options}).read(path).to_list()


class TestDigitStringsReader(ReaderContract):
    def make(self) -> Reader:
        return DigitStringsReader(**{**OPTIONS, "max_digits": 2, "n_train": 2})

    def write_sound(self, folder: Path) -> Path:
        return write(folder, "7_ada_0", "3_ada_2") / "train"

    def expected(self) -> list[dict[str, Any]]:
        string = {"labels": ["three", "three"], "speaker": "ada", "recordings": ["3_ada_2", "3_ada_2"]}
        return [{"id": "digits-train-0", **string}, {"id": "digits-train-1", **string}]

    def write_damaged(self, folder: Path) -> tuple[Path, int]:
        write(folder, "7_ada_2")
        (folder / "recordings" / "8_ada_2.wav").write_text("no wave")
        return folder / "train", 1


@pytest.mark.parametrize(("split", "indices"), [("train", {"2", "3"}), ("val", {"1"}), ("test", {"0"})])
def test_strings_are_of_one_speaker_and_of_the_recordings_of_their_split(corpus: Path, split: str, indices: set[str]) -> None:
    records = records_of(corpus / split, n_train=60, n_val=60, n_test=60)
    for record in records:
        parts = [name[:2] + name[2:].replace(record["speaker"], "") for name in record["recordings"]]
        assert [DIGITS[int(part[0])] for part in parts] == record["labels"]
        assert all(part[1:3] == "__" for part in parts), "a recording of another speaker"
        assert {part[3:] for part in parts} <= indices
    assert {name[-1] for record in records for name in record["recordings"]} == indices
    assert {record["speaker"] for record in records} == {"ada", "von_k"}
    assert {label for record in records for label in record["labels"]} == {"zero", "five", "nine"}
    assert {len(record["labels"]) for record in records} == {2, 3, 4}


def test_frames_are_the_features_of_the_recordings_in_a_row(corpus: Path) -> None:
    for record in records_of(corpus / "train", max_silence=0.0, min_silence=0.0):
        files = [corpus / "recordings" / f"{name}.wav" for name in record["recordings"]]
        samples = np.concatenate([wavfile.read(file)[1] for file in files]) / 2**15
        np.testing.assert_array_equal(np.asarray(record["frames"], dtype=np.float32), FEATURES.frames(samples))


def test_between_digits_lie_seconds_of_noise(corpus: Path) -> None:
    for record in records_of(corpus / "train", min_digits=2, max_digits=2, min_silence=0.2, max_silence=0.2, noise=1e-3):
        frames = np.asarray(record["frames"])
        assert len(frames) == 1 + (2 * 480 + 1600 - 200) // 80
        silence = frames[480 // 80 : (480 + 1600) // 80 - 2]
        assert silence.max() < frames[0].min()
        assert silence.min() > np.log(1e-10) + 1
    lengths = [len(record["frames"]) for record in records_of(corpus / "train", min_digits=2, max_digits=2, n_train=50)]
    assert 1 + (2 * 480 + 400 - 200) // 80 <= min(lengths) < max(lengths) <= 1 + (2 * 480 + 800 - 200) // 80


def test_the_same_seed_gives_the_same_strings(corpus: Path) -> None:
    longer = DigitStringsReader(**{**OPTIONS, "n_train": 30}).read(corpus / "train")
    shorter = DigitStringsReader(**OPTIONS).read(corpus / "train")
    assert longer.select(range(20)).to_list() == shorter.to_list()
    for options in ({"seed": 2}, {"noise": 0.002}):
        assert records_of(corpus / "train", **options) != shorter.to_list()


def test_the_mean_of_the_utterance_is_taken_off(corpus: Path) -> None:
    raw, centred = (records_of(corpus / "train", normalisation=name) for name in (None, "utterance"))
    for before, after in zip(raw, centred, strict=True):
        frames = np.asarray(before["frames"])
        np.testing.assert_allclose(after["frames"], frames - frames.mean(0), atol=1e-4)


def test_the_mean_of_the_speakers_recordings_in_the_split_is_taken_off(corpus: Path) -> None:
    raw, centred = (records_of(corpus / "train", normalisation=name) for name in (None, "speaker"))
    for before, after in zip(raw, centred, strict=True):
        files = [file for index in "23" for file in (corpus / "recordings").glob(f"?_{before['speaker']}_{index}.wav")]
        mean = np.concatenate([FEATURES.frames(wavfile.read(file)[1] / 2**15) for file in files]).mean(0)
        np.testing.assert_allclose(after["frames"], np.asarray(before["frames"]) - mean, atol=1e-4)


def test_fields_read_the_strings(corpus: Path) -> None:
    columns = Columns(DigitStringsReader(**OPTIONS).read(corpus / "train"))
    frames, labels = FramesField(column="frames"), LabelSequenceField(column="labels", alternatives=None)
    for field in (frames, labels):
        field.fit(columns)
    assert frames.width == FEATURES.width
    assert sorted(labels.labels) == ["five", "nine", "zero"]
    assert frames.encode(columns).lengths.tolist() == [len(rows) for rows in columns.lists("frames")]


@pytest.mark.parametrize(
    ("split", "options", "message"),
    [
        ("dev", {}, r"dev: no split of spoken digits; expected train, val, test: set data.splits"),
        ("val", {"n_val_indices": 0}, r"recordings: no recording for split val.*n_val_indices.*data.splits.val=null"),
        ("train", {"n_test_indices": 9}, r"no recording for split train"),
    ],
)
def test_splits_without_recordings_are_refused(corpus: Path, split: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        records_of(corpus / split, **options)


def test_folders_without_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"recordings: no recordings; expected files DIGIT_SPEAKER_INDEX.wav; set data.dir"):
        records_of(tmp_path / "train")


@pytest.mark.parametrize(
    ("name", "rate", "message"),
    [
        ("7_ada", 8000, r"7_ada\.wav:1: expected a name DIGIT_SPEAKER_INDEX.wav, such as 7_george_0.wav"),
        ("seven_ada_3", 8000, r"seven_ada_3\.wav:1: expected a name"),
        ("7_ada_3", 16000, r"7_ada_3\.wav:1: has 16000 samples per second; expected 8000"),
    ],
)
def test_faulty_recordings_are_reported_and_skipped(corpus: Path, name: str, rate: int, message: str) -> None:
    wavfile.write(corpus / "recordings" / f"{name}.wav", rate, np.ones(500, dtype=np.int16))
    with pytest.raises(DataError, match=message):
        records_of(corpus / "train")
    faults: list[Fault] = []
    records = DigitStringsReader(**OPTIONS).read(corpus / "train", report=faults.append)
    assert [fault.path.stem for fault in faults] == [name]
    assert "seven" not in {label for labels in records["labels"] for label in labels}
    assert len(records) == 20


def test_a_split_without_any_sound_recording_has_no_record(tmp_path: Path) -> None:
    write(tmp_path, "7_ada_2")
    (tmp_path / "recordings" / "7_ada_2.wav").write_bytes(b"")
    faults: list[Fault] = []
    assert len(DigitStringsReader(**OPTIONS).read(tmp_path / "train", report=faults.append)) == 0
    assert len(faults) == 1


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("normalisation", "sentence", r"normalisation is 'sentence'; expected utterance, speaker or null"),
        ("min_digits", 0, r"min_digits is 0; expected 1 or more: set data.reader.min_digits"),
        ("max_digits", 1, r"max_digits is 1; expected 2 or more"),
        ("min_silence", -0.1, r"min_silence is -0\.1; expected 0 or more"),
        ("max_silence", 0.01, r"max_silence is 0\.01; expected 0\.05 or more"),
        ("noise", -1, r"noise is -1"),
        ("n_test_indices", -1, r"n_test_indices is -1"),
        ("n_train", -1, r"n_train is -1"),
        ("seed", -1, r"seed is -1"),
    ],
)
def test_bad_options_are_refused(option: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DigitStringsReader(**{**OPTIONS, option: value})


def test_fsdd_is_read(open_reader: Open, corpora: Path) -> None:
    reader = open_reader("spoken_digits", n_train=100, n_val=40, n_test=40)
    splits = {split: reader.read(corpora / "fsdd" / split) for split in ("train", "val", "test")}
    for split, records in splits.items():
        indices = {int(name.rpartition("_")[2]) for names in records["recordings"] for name in names}
        assert indices <= {"train": set(range(7, 15)), "val": {5, 6}, "test": set(range(5))}[split]
        assert Counter(label for labels in records["labels"] for label in labels).keys() == set(DIGITS)
        assert len(set(records["speaker"])) == 6
    frames = [np.asarray(frames) for frames in splits["test"]["frames"]]
    assert {rows.shape[1] for rows in frames} == {120}
    assert all(np.isfinite(rows).all() for rows in frames)
    assert min(len(rows) / len(labels) for rows, labels in zip(frames, splits["test"]["labels"], strict=True)) > 3
