"""Distillation: learn the tag probabilities of a teacher model (Hinton, Vinyals and Dean 2015)."""

import torch
from jaxtyping import Float
from torch import Tensor

LEAST_LOG = -60.0
"""Lower log-probabilities are raised to this: the tags that a scheme forbids have -inf, and their loss would be infinite."""


def teaching_loss(
    logs: Float[Tensor, "batch time tag"], taught: Float[Tensor, "batch time tag"], *, temperature: float
) -> Float[Tensor, ""]:
    """Return temperature² · KL(teacher ‖ student) in nats, the mean over the steps with probabilities of the teacher.

    `logs` are the log-probabilities of the student. Both distributions are softened: each p is raised to the power of
    1 / temperature, then normalised; for a softmax, that divides the scores. The square keeps the size of the gradients (§2.1).
    """
    # steps for which the teacher has no tag, and padding, have probability 0 everywhere
    is_taught = taught.sum(2) > 0
    targets = (taught[is_taught].log() / temperature).softmax(1)
    # forbidden tags have log-probability -inf, and 0 · -inf is NaN
    student = (logs[is_taught].clamp(min=LEAST_LOG) / temperature).log_softmax(1)
    divergence = torch.special.entr(targets).sum() + (targets * student).sum()
    # entr is -p log p, so the sum is the negative divergence
    mean: Tensor = -(temperature**2) * divergence / is_taught.sum().clamp(min=1)
    return mean
