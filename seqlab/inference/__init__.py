"""Use trained models: on strings and tokens in Python, on files and streams on the command line."""

from seqlab.heads.parts.layer import Layer
from seqlab.inference.min_precision import MinPrecision
from seqlab.inference.records import LabelledSpan, TaggedRecord
from seqlab.inference.tagger import Tagger
from seqlab.inference.vectors.encode import EncodedRecord, StepVectors

__all__ = ["EncodedRecord", "LabelledSpan", "Layer", "MinPrecision", "StepVectors", "TaggedRecord", "Tagger"]
