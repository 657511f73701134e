"""Fields convert columns of records to padded tensors."""

from seqlab.data.fields.base import NO_TARGET, EncodedColumn, Field, TensorGroup, Tensors
from seqlab.data.fields.categories import CategoryField, VectorField
from seqlab.data.fields.characters import CharacterField, Spellings
from seqlab.data.fields.frames import EncodedFrames, FramesField, NumbersField
from seqlab.data.fields.gazetteers import GazetteerField
from seqlab.data.fields.labels import LabelField, MultiLabelField, ScoreField
from seqlab.data.fields.partial_tags import PartialTagField
from seqlab.data.fields.segments import SegmentBounds, SegmentBoundsField, SegmentLabelField
from seqlab.data.fields.sequences import LabelSequenceField, LabelSequences
from seqlab.data.fields.spans import EncodedSpans, LabelledSpan, LabelledSpans, SpanField
from seqlab.data.fields.subwords import FastTextField, StaticSubwordField, SubwordTableField, WordSubwords
from seqlab.data.fields.tags import TagField, TagTargets
from seqlab.data.fields.taught_tags import TaughtTagField, TaughtTags

__all__ = [
    "NO_TARGET",
    "CategoryField",
    "CharacterField",
    "EncodedColumn",
    "EncodedFrames",
    "EncodedSpans",
    "FastTextField",
    "Field",
    "FramesField",
    "GazetteerField",
    "LabelField",
    "LabelSequenceField",
    "LabelSequences",
    "LabelledSpan",
    "LabelledSpans",
    "MultiLabelField",
    "NumbersField",
    "PartialTagField",
    "ScoreField",
    "SegmentBounds",
    "SegmentBoundsField",
    "SegmentLabelField",
    "SpanField",
    "Spellings",
    "StaticSubwordField",
    "SubwordTableField",
    "TagField",
    "TagTargets",
    "TaughtTagField",
    "TaughtTags",
    "TensorGroup",
    "Tensors",
    "VectorField",
    "WordSubwords",
]
