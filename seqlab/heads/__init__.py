"""Heads: `Steps` -> a distribution over labels."""

from seqlab.heads.base import Head
from seqlab.heads.biaffine import BiaffineSpanHead
from seqlab.heads.crf import CrfTokenHead, SecondOrderCrfTokenHead
from seqlab.heads.ctc import CtcHead
from seqlab.heads.hmm import HmmTokenHead
from seqlab.heads.hmm_hybrid import HmmHybridHead
from seqlab.heads.pairs import PairLabelHead, PairScoreHead
from seqlab.heads.segment import SegmentHead
from seqlab.heads.semi_markov import SemiMarkovHead
from seqlab.heads.sequence import LabelHead, MultiLabelHead, SequenceHead
from seqlab.heads.softmax import SoftmaxTokenHead
from seqlab.heads.temporal import TemporalHead
from seqlab.heads.token import TokenHead

TagHead = TokenHead  # its earlier name

__all__ = [
    "BiaffineSpanHead",
    "CrfTokenHead",
    "CtcHead",
    "Head",
    "HmmHybridHead",
    "HmmTokenHead",
    "LabelHead",
    "MultiLabelHead",
    "PairLabelHead",
    "PairScoreHead",
    "SecondOrderCrfTokenHead",
    "SegmentHead",
    "SemiMarkovHead",
    "SequenceHead",
    "SoftmaxTokenHead",
    "TagHead",
    "TemporalHead",
    "TokenHead",
]
