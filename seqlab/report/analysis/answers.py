"""The answers that reports analyse, in the shapes that heads declare."""

from seqlab.heads.parts.answers import Answer, LabelAnswer, Place, SequenceAnswer, SetAnswer, SpanAnswer

__all__ = ["Answer", "LabelAnswer", "Place", "SequenceAnswer", "SetAnswer", "SpanAnswer"]
