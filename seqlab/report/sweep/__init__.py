"""The report on many runs: a folder of runs, repetitions of one run, or the study of a sweep."""

from seqlab.report.sweep.folder import read_folder
from seqlab.report.sweep.report import study_report
from seqlab.report.sweep.study import read_study

__all__ = ["read_folder", "read_study", "study_report"]
