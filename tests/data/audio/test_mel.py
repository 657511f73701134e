"""Acoustic features against Fourier and cosine transforms written down as they are, or scipy's."""

from typing import Any

import numpy as np
import pytest
import scipy

from seqlab.data.audio.mel import AcousticFeatures
from seqlab.errors import ConfigError

OPTIONS: dict[str, Any] = {
    "rate": 8000,
    "window": 0.025,
    "hop": 0.01,
    "n_filters": 40,
    "n_coefficients": None,
    "stacking": 1,
    "subsampling": 1,
}


def frames_of(samples: np.ndarray, **options: Any) -> np.ndarray:
    return AcousticFeatures(**{**OPTIONS, **options}).frames(samples)


def noise(n_samples: int) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(n_samples)


def tone(frequency: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(800) / 8000)


def test_energies_are_those_of_the_windows_in_triangles_of_the_mel_scale() -> None:
    samples = noise(400)
    edges = 700 * (np.exp(np.linspace(0, np.log(1 + 4000 / 700), 42)) - 1)
    expected = []
    for start in (0, 80, 160):
        transform = scipy.signal.freqz(
            samples[start : start + 200] * scipy.signal.windows.hann(200), worN=np.arange(257) / 256 * np.pi
        )
        filters = [np.interp(np.arange(257) / 256 * 4000, edges[m : m + 3], [0, 1, 0]) for m in range(40)]
        expected.append(np.log(filters @ np.abs(transform[1]) ** 2))
    np.testing.assert_allclose(frames_of(samples), expected, rtol=1e-4)


@pytest.mark.parametrize("frequency", [200.0, 1000.0, 3000.0])
def test_a_tone_is_loudest_in_its_band(frequency: float) -> None:
    centres = 700 * np.expm1(np.linspace(0, np.log1p(4000 / 700), 42))[1:-1]
    loudest = frames_of(tone(frequency)).argmax(1)
    assert set(loudest) == {np.abs(centres - frequency).argmin()}


def test_cepstra_are_the_cosine_transform_of_the_energies() -> None:
    expected = scipy.fft.dct(frames_of(noise(1000)), norm="ortho")[:, :13]
    np.testing.assert_allclose(frames_of(noise(1000), n_coefficients=13), expected, atol=1e-4)


def test_frames_are_stacked_and_every_so_many_kept() -> None:
    single = frames_of(noise(200 + 4 * 80))
    assert single.shape == (5, 40)
    stacked = frames_of(noise(200 + 4 * 80), stacking=3, subsampling=2)
    np.testing.assert_array_equal(stacked.reshape(3, 3, 40), single[[[0, 1, 2], [2, 3, 4], [4, 4, 4]]])
    assert stacked.dtype == np.float32


@pytest.mark.parametrize(("n_samples", "n_frames"), [(0, 1), (1, 1), (200, 1), (279, 1), (280, 2), (360, 3)])
def test_frames_are_counted_in_whole_windows_one_at_least(n_samples: int, n_frames: int) -> None:
    assert frames_of(noise(n_samples)).shape == (n_frames, 40)


def test_silence_is_finite() -> None:
    np.testing.assert_allclose(frames_of(np.zeros(400)), np.log(1e-10), rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"n_coefficients": 13}, {"stacking": 3, "subsampling": 2}])
def test_width_is_as_promised(options: dict[str, Any]) -> None:
    assert AcousticFeatures(**OPTIONS | options).width == frames_of(noise(900), **options).shape[1]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("rate", 0, r"rate is 0; expected 1 or more: set data.reader.features.rate"),
        ("window", 0.0001, r"window is 0\.0001; expected 0\.000375 seconds or more"),
        ("hop", 0.0, r"hop is 0\.0; expected 0\.000125 seconds or more"),
        ("n_filters", 0, r"n_filters is 0; expected 1 or more"),
        ("n_filters", 400, r"n_filters is 400; expected fewer, or a longer window than 0\.025 s"),
        ("n_coefficients", 0, r"n_coefficients is 0; expected null, or 1 to n_filters=40"),
        ("n_coefficients", 41, r"n_coefficients is 41"),
        ("stacking", 0, r"stacking is 0"),
        ("subsampling", 0, r"subsampling is 0"),
    ],
)
def test_bad_options_are_refused(option: str, value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AcousticFeatures(**{**OPTIONS, option: value})
