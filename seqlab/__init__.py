"""seqlab: sequence labelling with any recurrent encoder under any head."""

__version__ = "0.1.0"
