"""Draw a chart of any kind."""

from functools import singledispatch

from seqlab.report.document.charts import Chart, Curves, Matrix, Parallel, Reliability, Scatter, Strip, Tree
from seqlab.report.drawing.curves import draw_curves, draw_reliability, draw_scatter
from seqlab.report.drawing.matrix import draw_matrix
from seqlab.report.drawing.parallel import draw_parallel
from seqlab.report.drawing.strip import draw_strip
from seqlab.report.model.trees import tree_svg
from seqlab.types import Prediction


@singledispatch
def draw(chart: Chart) -> str:
    """Return a chart as SVG."""
    raise AssertionError(type(chart))


draw.register(Curves, draw_curves)
draw.register(Matrix, draw_matrix)
draw.register(Reliability, draw_reliability)
draw.register(Scatter, draw_scatter)
draw.register(Parallel, draw_parallel)
draw.register(Strip, draw_strip)


@draw.register
def _tree(chart: Tree) -> str:
    predicted = Prediction(list(chart.labels), list(chart.sure), bounds=list(chart.places))
    return tree_svg(chart.words, predicted, gold=chart.gold)
