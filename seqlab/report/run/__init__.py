"""The report of one run: its sections, each made of what the run folder holds."""

from seqlab.report.run.report import run_report

__all__ = ["run_report"]
