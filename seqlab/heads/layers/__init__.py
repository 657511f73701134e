"""Structured losses as layers on plain tensors, for models of one's own: no field, no batch and no config."""

from seqlab.heads.layers.crf import Crf
from seqlab.heads.layers.ctc import Ctc
from seqlab.heads.layers.hmm_hybrid import HmmHybrid
from seqlab.heads.layers.semi_markov import SemiMarkovCrf

__all__ = ["Crf", "Ctc", "HmmHybrid", "SemiMarkovCrf"]
