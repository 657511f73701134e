"""Draw charts as inline SVG; the page's CSS classes give the colours."""

from seqlab.report.drawing.draw import draw

__all__ = ["draw"]
