"""Reading models and results: what a model is made of."""

from seqlab.report.parameters import ParameterRow, parameter_rows

__all__ = ["ParameterRow", "parameter_rows"]
