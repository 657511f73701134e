"""Distributions over the labels of the records of a batch."""

from seqlab.heads.distributions.base import Distribution
from seqlab.heads.distributions.choices import Choice, LabelSet
from seqlab.heads.distributions.tags import ChainTags, IndependentTags, SecondOrderTags, TagDistribution

__all__ = [
    "ChainTags",
    "Choice",
    "Distribution",
    "IndependentTags",
    "LabelSet",
    "SecondOrderTags",
    "TagDistribution",
]
