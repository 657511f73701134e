"""Frames of an artificial language: noisy left-to-right prototypes of phones, with unaligned labels.

A phone has an onset, a middle and a release, each a point in feature space that lasts one to three frames. Onsets and releases
are shifted towards the neighbouring phones (co-articulation), each speaker has a pace and an offset, and each frame has noise.
"""

from random import Random
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqlab.data.sample.ownership import Ownership

PHONES = ("a", "e", "i", "o", "u", "p", "t", "k", "m", "n", "s", "l")

_WIDTH = 10
_N_STATES = 3
_LEAN = 0.35
_NOISE = 0.55
_OFFSET = 0.3
_VOWELS, _CONSONANTS = PHONES[:5], PHONES[5:]


@final
class Speech:
    """Generates utterances: the prototypes depend on the seed, the words on the seed and the split.

    Args:
        ownership: The seed, the split and its words.
    """

    def __init__(self, ownership: Ownership) -> None:
        language = np.random.PCG64(ownership.seed)
        self.prototypes = _noise(language, len(PHONES) * _N_STATES).reshape(len(PHONES), _N_STATES, _WIDTH)
        syllables = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
        words = [syllable + ending for syllable in syllables for ending in (*syllables, "s", "n", "l")]
        self.words = [word for word in words if ownership.owns(word)]

    def record(self, random: Random) -> dict[str, object]:
        """Return an utterance with `frames` (time x width, float32) and its phones as `labels`."""
        n_words = 1 + int(random.random() * 4)
        labels = [phone for _ in range(n_words) for phone in self.words[int(random.random() * len(self.words))]]
        longest = 1.5 + random.random() * 1.5
        durations = [1 + int(random.random() * longest) for _ in range(len(labels) * _N_STATES)]
        means = self._targets(labels).repeat(durations, axis=0)
        # the raw generator: the distributions of numpy may change between versions
        source = np.random.PCG64(int(random.random() * 2**53))
        frames = means + _OFFSET * _noise(source, 1) + _NOISE * _noise(source, len(means))
        return {"frames": frames.round(4).astype(np.float32), "labels": labels}

    def _targets(self, labels: list[str]) -> NDArray[np.float64]:
        """Return the states of all phones in order, with onsets and releases shifted towards the neighbours."""
        states = self.prototypes[[PHONES.index(label) for label in labels]]
        blended = states.copy()
        blended[1:, 0] += _LEAN * (states[:-1, -1] - states[1:, 0])
        blended[:-1, -1] += _LEAN * (states[1:, 0] - states[:-1, -1])
        return blended.reshape(-1, _WIDTH)


def _noise(source: np.random.PCG64, n_rows: int) -> NDArray[np.float64]:
    """Return approximately normal numbers with mean 0 and variance 1: sums of 4 uniform ones, identical on all machines."""
    # the upper 24 bits of each number: a sum of four is exact in floating point
    raw = source.random_raw(4 * n_rows * _WIDTH) >> np.uint64(40)
    sums: NDArray[np.float64] = raw.reshape(4, n_rows, _WIDTH).sum(axis=0, dtype=np.float64)
    return (sums - 2.0**25) * (3**0.5 / 2**24)
