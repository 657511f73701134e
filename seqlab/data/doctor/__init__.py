"""The data doctor: reports all faults in data files by path and line, and statistics of the files."""

from seqlab.data.doctor.examine import FileReport, examine
from seqlab.data.doctor.findings import Finding
from seqlab.data.doctor.formats import FORMATS, format_of, open_reader
from seqlab.data.doctor.leakage import Leak, find_leaks

__all__ = ["FORMATS", "FileReport", "Finding", "Leak", "examine", "find_leaks", "format_of", "open_reader"]
