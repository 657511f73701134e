"""Trainer callbacks: progress, weight averaging, finite losses, resumable schedules, gradient norms, gradual unfreezing."""

from seqlab.training.callbacks.ema import AveragedWeights
from seqlab.training.callbacks.finite_loss import FiniteLoss
from seqlab.training.callbacks.gradient_flow import GradientFlow
from seqlab.training.callbacks.gradual_unfreezing import GradualUnfreezing
from seqlab.training.callbacks.progress import Progress
from seqlab.training.callbacks.resumed_plateau import ResumedPlateau

__all__ = ["AveragedWeights", "FiniteLoss", "GradientFlow", "GradualUnfreezing", "Progress", "ResumedPlateau"]
