"""Recordings: the samples of a WAV file as numbers."""

import wave
from pathlib import Path

import numpy as np
from jaxtyping import Float

from seqlab.errors import DataError

_FULL_SCALE = 2**15


def read_wav(path: Path, *, rate: int) -> Float[np.ndarray, " sample"]:
    """Return the samples of a mono file of 16 bit integers, scaled to -1 … 1.

    Raises: DataError for anything else, for another `rate` (samples a second), and for a file without or with too few samples.
    """
    try:
        with wave.open(str(path), "rb") as file:
            kind = file.getparams()
            data = file.readframes(kind.nframes)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}; check the path (data.dir)") from error
    except (wave.Error, EOFError) as error:
        raise DataError(
            f"is no WAV file of plain samples ({str(error) or 'it ends too early'}); convert it, or remove it"
        ) from error
    if (kind.nchannels, kind.sampwidth) != (1, 2):
        found = f"has {kind.nchannels} channel(s) of {8 * kind.sampwidth} bits"
        raise DataError(f"{found}; expected one of 16 bits: convert the file, or remove it")
    if kind.framerate != rate:
        raise DataError(
            f"has {kind.framerate} samples a second; expected {rate}: resample it, or set data.reader.features.rate"
        )
    if not data or len(data) != 2 * kind.nframes:
        raise DataError(
            f"has {len(data) // 2} of {kind.nframes} samples; expected all, and one at least: copy it anew, or remove it"
        )
    return np.frombuffer(data, dtype="<i2") / _FULL_SCALE
