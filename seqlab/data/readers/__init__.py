"""Readers: files in, records out."""

from seqlab.data.readers.base import Reader
from seqlab.data.readers.conll import ConllReader
from seqlab.data.readers.conllu import ConlluReader
from seqlab.data.readers.lines import LinesReader

__all__ = ["ConllReader", "ConlluReader", "LinesReader", "Reader"]
