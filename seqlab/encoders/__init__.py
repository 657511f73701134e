"""Encoders: `Steps` -> `Steps`."""

from seqlab.encoders.base import Encoder
from seqlab.encoders.cells import Cell, GruCell, LstmCell, RnnCell
from seqlab.encoders.chain import ChainEncoder, OutputEncoder, WindowEncoder
from seqlab.encoders.identity import IdentityEncoder
from seqlab.encoders.recurrent import RecurrentEncoder

__all__ = [
    "Cell",
    "ChainEncoder",
    "Encoder",
    "GruCell",
    "IdentityEncoder",
    "LstmCell",
    "OutputEncoder",
    "RecurrentEncoder",
    "RnnCell",
    "WindowEncoder",
]
