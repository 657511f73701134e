"""Structured losses as layers on plain tensors, for models of one's own: no field, no batch and no config."""

from seqlab.heads.layers.crf import Crf
from seqlab.heads.layers.ctc import Ctc

__all__ = ["Crf", "Ctc"]
