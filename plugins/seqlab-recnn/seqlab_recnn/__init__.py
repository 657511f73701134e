"""Tree-structured encoders for seqlab (recursive networks, Tree-LSTM, Tree-GRU) and readers for treebanks."""

from seqlab_recnn.compositions.gru import ChildSumGru
from seqlab_recnn.compositions.lstm import ChildSumLstm, NaryLstm, SequenceLstm
from seqlab_recnn.compositions.recursive import MaxComposition, RecursiveComposition, TensorComposition, UntiedComposition
from seqlab_recnn.data.fields import NodeLabelField, TreeField
from seqlab_recnn.data.readers import BracketReader, ParallelTreesReader
from seqlab_recnn.data.sources import BracketTrees, BranchingTrees, DependencyTrees
from seqlab_recnn.data.texts import parse_forest
from seqlab_recnn.encoder import TreeEncoder

__all__ = [
    "BracketReader",
    "BracketTrees",
    "BranchingTrees",
    "ChildSumGru",
    "ChildSumLstm",
    "DependencyTrees",
    "MaxComposition",
    "NaryLstm",
    "NodeLabelField",
    "ParallelTreesReader",
    "RecursiveComposition",
    "SequenceLstm",
    "TensorComposition",
    "TreeEncoder",
    "TreeField",
    "UntiedComposition",
    "parse_forest",
]
