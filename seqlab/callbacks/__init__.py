"""Callbacks of the trainer: progress, averaged weights, and a stop at the first loss that is not finite."""

from seqlab.callbacks.averaging import AveragedWeights
from seqlab.callbacks.finite import FiniteLoss
from seqlab.callbacks.progress import Progress

__all__ = ["AveragedWeights", "FiniteLoss", "Progress"]
