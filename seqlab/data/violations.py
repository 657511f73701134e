"""Records whose tags break a span scheme: which, how many, and where the first is."""

import numpy as np
from jaxtyping import Int

from seqlab.data.columns import Columns, StringColumn
from seqlab.data.schemes import Scheme


def broken_rows(strings: StringColumn, scheme: Scheme) -> Int[np.ndarray, " row"]:
    """Return the sorted rows whose tags break `scheme`."""
    codes = strings.codes
    # All records at once, with an `O` after each: `Scheme.violations` for each of them would take much longer.
    flat = np.insert(codes.values, codes.offsets[1:], len(strings.distinct))
    is_broken = scheme.breaks(flat, tags=[*strings.distinct, "O"])
    return np.unique(np.repeat(np.arange(len(codes.lengths)), codes.lengths + 1)[is_broken])


def describe_breaks(columns: Columns, column: str, rows: Int[np.ndarray, " row"], *, scheme: Scheme) -> str:
    """Return a message with the number of `rows`, which break `scheme`, and the first violation with its place."""
    strings, row = columns.strings(column), int(rows[0])
    steps = slice(*strings.codes.offsets[row : row + 2].tolist())
    first = scheme.violations([strings.distinct[code] for code in strings.codes.values[steps]])[0]
    source = f" of {columns.source}" if columns.source else ""
    what = f"{len(rows):,} of {len(columns):,} records{source} break {scheme.name} in column {column!r}"
    return f"{what}, first {columns.place(row)}, step {first.step}: {first.describe(scheme.name)}"
