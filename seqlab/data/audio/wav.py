"""Samples of WAV files."""

import wave
from pathlib import Path

import numpy as np
from jaxtyping import Float

from seqlab.errors import DataError

_FULL_SCALE = 2**15


def read_wav(path: Path, *, rate: int) -> Float[np.ndarray, " sample"]:
    """Return the samples of a mono file with 16-bit integers, scaled to -1 … 1.

    Raises:
        DataError: the file has another format or another `rate` (samples per second), or is empty or truncated.
    """
    try:
        with wave.open(str(path), "rb") as file:
            kind = file.getparams()
            data = file.readframes(kind.nframes)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}; check the path (data.dir)") from error
    # `wave` raises RuntimeError for a chunk that claims to be longer than the file
    except (wave.Error, EOFError, RuntimeError) as error:
        why = str(error) or "it ends too early"
        raise DataError(f"is no WAV file of plain samples ({why}); convert or remove it") from error
    if (kind.nchannels, kind.sampwidth) != (1, 2):
        raise DataError(f"has {kind.nchannels} channel(s) of {8 * kind.sampwidth} bits; expected one of 16 bits; convert it")
    if kind.framerate != rate:
        change = "resample it, or set data.reader.features.rate"
        raise DataError(f"has {kind.framerate} samples per second; expected {rate}; {change}")
    if not data or len(data) != 2 * kind.nframes:  # `wave` reads a truncated file without an error
        raise DataError(f"has {len(data) // 2} of {kind.nframes} samples; expected all, and at least one; copy it again")
    # WAV stores little-endian integers, whatever the machine
    return np.frombuffer(data, dtype="<i2") / _FULL_SCALE
