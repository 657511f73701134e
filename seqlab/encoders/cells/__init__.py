"""Cells: one step of a recurrence, and the fast run over whole sequences."""

from seqlab.encoders.cells.base import Cell, State
from seqlab.encoders.cells.gru import GruCell
from seqlab.encoders.cells.lstm import LstmCell
from seqlab.encoders.cells.rnn import RnnCell

__all__ = ["Cell", "GruCell", "LstmCell", "RnnCell", "State"]
