"""Convert charts to tables, for readers and formats without pictures."""

from functools import singledispatch

from seqlab.report.document.charts import Chart, Curves, Matrix, Parallel, Reliability, Scatter, Strip, Tree
from seqlab.report.document.model import Column, Table, Value


@singledispatch
def as_table(chart: Chart) -> Table:
    """Return the numbers of a chart as a table."""
    raise AssertionError(type(chart))


@as_table.register
def _curves(chart: Curves) -> Table:
    values = [dict(series.points) for series in chart.series]
    xs = sorted({x for points in values for x in points})
    rows = [[x, *(points.get(x) for points in values)] for x in xs]
    return Table([Column(chart.x, "number"), *(Column(series.name, "number") for series in chart.series)], rows)


@as_table.register
def _matrix(chart: Matrix) -> Table:
    rows: list[list[Value]] = [[label, *row] for label, row in zip(chart.labels, chart.counts, strict=True)]
    return Table([Column("gold \\ predicted"), *(Column(label, "count") for label in chart.labels)], rows)


@as_table.register
def _reliability(chart: Reliability) -> Table:
    columns = [Column("confidence above", "number"), Column("up to", "number"), Column("answers", "count")]
    columns += [Column("mean confidence", "number"), Column("right", "share")]
    return Table(columns, [[b.low, b.high, b.n, b.confidence, b.accuracy if b.n else None] for b in chart.bins])


@as_table.register
def _scatter(chart: Scatter) -> Table:
    columns = [Column("trial"), Column(chart.x, "number"), Column(chart.y, "number"), Column("on the front")]
    return Table(columns, [[point.name, point.x, point.y, point.is_front] for point in chart.points])


@as_table.register
def _parallel(chart: Parallel) -> Table:
    columns = [Column("trial"), *(Column(axis.name, "number") for axis in chart.axes)]
    return Table(columns, [[path.name, *path.places] for path in chart.paths])


@as_table.register
def _strip(chart: Strip) -> Table:
    columns = [Column("label"), Column("first step", "count"), Column("step after the last", "count")]
    columns += [Column("confidence", "number"), Column("right")]
    rows = zip(chart.labels, chart.places, chart.sure, chart.is_right, strict=True)
    return Table(columns, [[label, *place, confidence, right] for label, place, confidence, right in rows])


@as_table.register
def _tree(chart: Tree) -> Table:
    columns = [Column("words"), Column("predicted"), Column("gold"), Column("confidence", "number")]
    rows = zip(chart.places, chart.labels, chart.gold, chart.sure, strict=True)
    return Table(columns, [[" ".join(chart.words[a:b]), label, gold, confidence] for (a, b), label, gold, confidence in rows])
