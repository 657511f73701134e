"""Recurrent cells whose gates do not read the state, so that all steps of a sequence run at once."""

from seqlab_scan.min_gru import MinGruCell
from seqlab_scan.min_lstm import MinLstmCell
from seqlab_scan.qrnn import QrnnCell
from seqlab_scan.sru import SruCell

__all__ = ["MinGruCell", "MinLstmCell", "QrnnCell", "SruCell"]
