"""Recurrent cells that run over whole sequences at once, or nearly so: gates do not read the state, but for the sLSTM's."""

from seqlab_scan.min_gru import MinGruCell
from seqlab_scan.min_lstm import MinLstmCell
from seqlab_scan.mlstm import MlstmCell
from seqlab_scan.qrnn import QrnnCell
from seqlab_scan.slstm import SlstmCell
from seqlab_scan.sru import SruCell

__all__ = ["MinGruCell", "MinLstmCell", "MlstmCell", "QrnnCell", "SlstmCell", "SruCell"]
