"""The file formats that every command reads, their names and extensions, and their detection."""

from seqlab.data.formats.registry import (
    FORMATS,
    HEAD_BYTES,
    INPUT_FORMATS,
    TEXT,
    Detected,
    check_readable,
    detect,
    format_by_content,
    format_by_suffix,
    format_of,
    format_of_reader,
    is_read_as,
    reader_of,
)

__all__ = [
    "FORMATS",
    "HEAD_BYTES",
    "INPUT_FORMATS",
    "TEXT",
    "Detected",
    "check_readable",
    "detect",
    "format_by_content",
    "format_by_suffix",
    "format_of",
    "format_of_reader",
    "is_read_as",
    "reader_of",
]
