"""Reports on runs and sweeps, and a closer look at what a model computes."""

from seqlab.report.model.inspection import Inspection, inspect, mean_gates, write_inspection
from seqlab.report.model.parameters import ParameterRow, parameter_rows

__all__ = ["Inspection", "ParameterRow", "inspect", "mean_gates", "parameter_rows", "write_inspection"]
