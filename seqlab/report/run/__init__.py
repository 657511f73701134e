"""The report on one run, built from its folder."""

from seqlab.report.run.report import run_report

__all__ = ["run_report"]
