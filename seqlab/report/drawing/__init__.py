"""Charts as inline SVG, coloured by the classes of the page around them."""

from seqlab.report.drawing.draw import draw

__all__ = ["draw"]
