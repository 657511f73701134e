"""Heads: `Steps` -> labels."""

from seqlab.heads.base import Head
from seqlab.heads.sequence import MultiLabelHead, SequenceHead
from seqlab.heads.token import CrfTokenHead, SoftmaxTokenHead, TokenHead

__all__ = ["CrfTokenHead", "Head", "MultiLabelHead", "SequenceHead", "SoftmaxTokenHead", "TokenHead"]
