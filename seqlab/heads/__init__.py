"""Heads: `Steps` -> labels."""

from seqlab.heads.base import Head
from seqlab.heads.hmm import HmmTokenHead
from seqlab.heads.segment import SegmentHead
from seqlab.heads.sequence import MultiLabelHead, SequenceHead
from seqlab.heads.token import CrfTokenHead, SoftmaxTokenHead, TokenHead

__all__ = [
    "CrfTokenHead",
    "Head",
    "HmmTokenHead",
    "MultiLabelHead",
    "SegmentHead",
    "SequenceHead",
    "SoftmaxTokenHead",
    "TokenHead",
]
