"""Callbacks of the trainer: progress, averaged weights, a stop at losses that are not finite, schedules that resume,
gradients on record.
"""

from seqlab.callbacks.averaging import AveragedWeights
from seqlab.callbacks.finite import FiniteLoss
from seqlab.callbacks.gradient_flow import GradientFlow
from seqlab.callbacks.plateau import ResumedPlateau
from seqlab.callbacks.progress import Progress

__all__ = ["AveragedWeights", "FiniteLoss", "GradientFlow", "Progress", "ResumedPlateau"]
