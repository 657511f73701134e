"""Structured losses as layers on plain tensors, for models of one's own: no field, no batch and no config."""

from seqlab.heads.layers.crf import Crf

__all__ = ["Crf"]
