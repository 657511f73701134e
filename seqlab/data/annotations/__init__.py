"""Files of annotation tools: texts with spans of characters, both ways."""

from seqlab.data.annotations.reader import AnnotationReader
from seqlab.data.annotations.tools import TOOLS

__all__ = ["TOOLS", "AnnotationReader"]
