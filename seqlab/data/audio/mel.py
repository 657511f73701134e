"""Acoustic features: log mel filter energies of each window of a recording, or their cepstrum.

power[t, f]   = |Fourier transform of window t, weighted by a Hann window|²
energy[t, m]  = log sum over f of filter[m, f] * power[t, f]      triangles, evenly spaced on the mel scale
cepstrum      = first coefficients of the cosine transform (DCT-II) of the energies (Davis and Mermelstein 1980)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Float

from seqlab.errors import ConfigError

_FLOOR = 1e-10
"""Lower bound of energies, for digital silence; below the rounding noise of 16 bits."""


@final
@dataclass(frozen=True)
class AcousticFeatures:
    """Log energies of mel filters, or their cepstrum, of samples between -1 and 1.

    Args:
        rate: Samples per second.
        window: Length of a window in seconds.
        hop: Distance between the starts of two windows, in seconds.
        n_filters: Number of mel filters.
        n_coefficients: Number of cepstral coefficients (MFCC), at most `n_filters`; None: the energies themselves.
        stacking: Number of consecutive windows in one frame.
        subsampling: Keep every n-th frame.

    Raises:
        ConfigError: a value is out of range, or the windows are too short to resolve `n_filters` filters.
    """

    rate: int = 8_000
    window: float = 0.025
    hop: float = 0.01
    n_filters: int = 40
    n_coefficients: int | None = None
    stacking: int = 3
    subsampling: int = 3

    def __post_init__(self) -> None:
        for name in ("rate", "n_filters", "stacking", "subsampling"):
            if getattr(self, name) < 1:
                raise _unfit(name, getattr(self, name), "1 or more")
        for name, n_samples in (("window", 3), ("hop", 1)):
            if round(getattr(self, name) * self.rate) < n_samples:
                raise _unfit(name, getattr(self, name), f"{n_samples / self.rate:g} seconds or more ({n_samples} sample(s))")
        if self.n_coefficients is not None and not 1 <= self.n_coefficients <= self.n_filters:
            raise _unfit("n_coefficients", self.n_coefficients, f"null, or 1 to n_filters={self.n_filters}")
        # a filter without a frequency would give the same energy for all sounds
        if not self._filters.any(1).all():
            raise _unfit("n_filters", self.n_filters, f"fewer, or a longer window than {self.window} s")

    @property
    def width(self) -> int:
        """Features per frame."""
        return (self.n_coefficients or self.n_filters) * self.stacking

    def frames(self, samples: Float[np.ndarray, " sample"]) -> Float[np.ndarray, "time feature"]:
        """Return the frames of all complete windows; a recording shorter than one window is padded with silence."""
        energies = np.log(np.maximum(self._power(samples) @ self._filters.T, _FLOOR))
        features = energies if self.n_coefficients is None else energies @ self._cosines.T
        return _stacked(features, self.stacking)[:: self.subsampling].astype(np.float32)

    @property
    def _n_samples(self) -> int:
        return round(self.window * self.rate)

    @property
    def _n_points(self) -> int:
        """Points of the Fourier transform: at least twice the window, so that each narrow filter contains a frequency."""
        return 2 << (self._n_samples - 1).bit_length()

    def _power(self, samples: Float[np.ndarray, " sample"]) -> Float[np.ndarray, "time frequency"]:
        # at least one window, so that a short recording is not lost
        padded = np.pad(samples, (0, max(0, self._n_samples - len(samples))))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self._n_samples)[:: round(self.hop * self.rate)]
        spectrum = np.fft.rfft(windows * np.hanning(self._n_samples), self._n_points)
        return np.asarray(spectrum.real**2 + spectrum.imag**2)

    @cached_property
    def _filters(self) -> Float[np.ndarray, "filter frequency"]:
        edges = _frequency(np.linspace(0.0, _mel(self.rate / 2), self.n_filters + 2))[:, None]
        frequencies = np.fft.rfftfreq(self._n_points, 1 / self.rate)
        lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
        # the lower of a rising and a falling line; both are negative outside the triangle
        triangles = np.minimum((frequencies - lower) / (centre - lower), (upper - frequencies) / (upper - centre))
        return np.asarray(np.maximum(triangles, 0.0))

    @cached_property
    def _cosines(self) -> Float[np.ndarray, "coefficient filter"]:
        # a column, so that the cosines below broadcast to (coefficient, filter)
        order = np.arange(self.n_coefficients or 0)[:, None]
        cosines = np.cos(np.pi / self.n_filters * (np.arange(self.n_filters) + 0.5) * order)
        # the factors make the transform orthonormal
        scale = np.sqrt(np.where(order == 0, 1.0, 2.0) / self.n_filters)
        return np.asarray(cosines * scale)


def _stacked(frames: Float[np.ndarray, "time feature"], n_windows: int) -> Float[np.ndarray, "time stacked"]:
    """Concatenate each frame with the following ones; at the end, the last frame is repeated."""
    # row t: the indices t, t + 1, … of the windows in frame t
    following = np.arange(len(frames))[:, None] + np.arange(n_windows)
    return np.asarray(frames[np.minimum(following, len(frames) - 1)].reshape(len(frames), -1))


def _mel(frequency: float) -> float:
    return float(1127.0 * np.log1p(frequency / 700.0))


def _frequency(mel: Float[np.ndarray, " edge"]) -> Float[np.ndarray, " edge"]:
    return np.asarray(700.0 * np.expm1(mel / 1127.0))


def _unfit(name: str, value: float, expected: str) -> ConfigError:
    return ConfigError(f"{name} is {value}; expected {expected}: set data.reader.features.{name}")
