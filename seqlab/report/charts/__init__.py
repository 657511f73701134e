"""Charts: each draws itself as inline SVG, and lists its numbers as a table for readers and formats without pictures.

The page's CSS classes give the colours.
"""

from seqlab.report.charts.curves import Curves, Series
from seqlab.report.charts.matrix import Matrix
from seqlab.report.charts.parallel import Axis, Parallel, Path
from seqlab.report.charts.reliability import Reliability
from seqlab.report.charts.scatter import Point, Scatter
from seqlab.report.charts.strip import Strip
from seqlab.report.charts.tree import Tree

__all__ = ["Axis", "Curves", "Matrix", "Parallel", "Path", "Point", "Reliability", "Scatter", "Series", "Strip", "Tree"]

FLUID = (Curves, Reliability, Scatter)
"""Charts as wide as the page allows; the others have their own size."""
