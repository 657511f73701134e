"""Trained models at work: on strings and tokens from Python, on files and streams from the command line."""

from seqlab.inference.encoding import EncodedRecord, StepVectors
from seqlab.inference.min_precision import MinPrecision
from seqlab.inference.records import LabelledSpan, Layer, TaggedRecord
from seqlab.inference.tagger import Tagger

__all__ = ["EncodedRecord", "LabelledSpan", "Layer", "MinPrecision", "StepVectors", "TaggedRecord", "Tagger"]
