"""Hessian-free optimisation: a step solves for the weights by conjugate gradients on the curvature of the loss."""

from seqlab.training.hessian_free.gauss_newton import GaussNewton
from seqlab.training.hessian_free.optimizer import HessianFree

__all__ = ["GaussNewton", "HessianFree"]
