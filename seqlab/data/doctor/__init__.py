"""The data doctor: reports all faults in data files by path and line, and statistics of the files."""

from seqlab.data.doctor.checks import Finding
from seqlab.data.doctor.examine import FileReport, Leak, examine, find_leaks
from seqlab.data.doctor.formats import open_reader
from seqlab.data.formats import FORMATS, format_of

__all__ = ["FORMATS", "FileReport", "Finding", "Leak", "examine", "find_leaks", "format_of", "open_reader"]
