"""Readers turn files into records."""

from seqlab.data.readers.base import Reader
from seqlab.data.readers.characters import CharactersReader
from seqlab.data.readers.conll import ConllReader
from seqlab.data.readers.conllu import ConlluReader
from seqlab.data.readers.digit_strings import DigitStringsReader
from seqlab.data.readers.frames import FramesReader
from seqlab.data.readers.hub import HubReader
from seqlab.data.readers.jsonl import JsonlReader
from seqlab.data.readers.lines import LinesReader
from seqlab.data.readers.pairs import PairsReader
from seqlab.data.readers.pronunciations import CmudictReader
from seqlab.data.readers.table import TableReader

__all__ = [
    "CharactersReader",
    "CmudictReader",
    "ConllReader",
    "ConlluReader",
    "DigitStringsReader",
    "FramesReader",
    "HubReader",
    "JsonlReader",
    "LinesReader",
    "PairsReader",
    "Reader",
    "TableReader",
]
