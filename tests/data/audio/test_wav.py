from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from seqlab.data.audio.wav import read_wav
from seqlab.errors import DataError


def write(path: Path, samples: np.ndarray, *, rate: int = 8000) -> Path:
    wavfile.write(path, rate, samples)
    return path


def test_samples_are_scaled_to_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.asarray([0, 2**14, -(2**15), 2**15 - 1], dtype=np.int16))
    assert read_wav(path, rate=8000).tolist() == [0.0, 0.5, -1.0, 1 - 2**-15]


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros(4, dtype=np.int16), 16000, r"has 16000 samples per second; expected 8000; .*data.reader.features.rate"),
        (np.zeros((4, 2), dtype=np.int16), 8000, r"has 2 channel\(s\) of 16 bits; expected one of 16 bits"),
        (np.zeros(4, dtype=np.uint8), 8000, r"has 1 channel\(s\) of 8 bits"),
        (np.zeros(4, dtype=np.float32), 8000, r"is no WAV file of plain samples \(unknown format: 3\)"),
        (np.zeros(0, dtype=np.int16), 8000, r"has 0 of 0 samples; expected all, and at least one"),
    ],
    ids=["rate", "stereo", "8 bits", "float", "empty"],
)
def test_other_files_are_refused(tmp_path: Path, samples: np.ndarray, rate: int, message: str) -> None:
    path = write(tmp_path / "a.wav", samples, rate=rate)
    with pytest.raises(DataError, match=message):
        read_wav(path, rate=8000)


@pytest.mark.parametrize(
    ("n_bytes", "message"),
    [(0, r"is no WAV file of plain samples \(it ends too early\)"), (60, r"has 8 of 100 samples; .*copy it again")],
    ids=["nothing", "some"],
)
def test_truncated_files_are_refused(tmp_path: Path, n_bytes: int, message: str) -> None:
    path = write(tmp_path / "a.wav", np.zeros(100, dtype=np.int16))
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(DataError, match=message):
        read_wav(path, rate=8000)


def test_text_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("one two three four")
    with pytest.raises(DataError, match=r"is no WAV file of plain samples \(file does not start with RIFF id\)"):
        read_wav(tmp_path / "a.wav", rate=8000)
    with pytest.raises(DataError, match=r"cannot be read: No such file or directory; check the path \(data.dir\)"):
        read_wav(tmp_path / "b.wav", rate=8000)


def test_a_chunk_longer_than_its_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFFD\x03\0\0WAVE\0WAVEfmt fmt ")
    with pytest.raises(DataError, match=r"is no WAV file of plain samples \(it ends too early\)"):
        read_wav(path, rate=8000)
