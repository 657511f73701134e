"""Records, the rows of a `datasets.Dataset`: built from Python values and checked once, on entry."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import uuid4

import datasets
import numpy as np
import pyarrow as pa
from jaxtyping import Float

from seqlab.errors import DataError

Columns: TypeAlias = dict[str, list[Any]]
"""Column name -> one value per record; all lists have the same length."""

_WORD_COLUMNS = ("tokens", "tags", "upos", "xpos", "lemma", "feats", "deprel", "deps", "misc")
STEP_COLUMNS = (*_WORD_COLUMNS, "heads", "offsets")
"""Columns with one value per step."""
STRING_COLUMNS = (*_WORD_COLUMNS, "labels", "alternatives")
"""Columns with a list of strings per record."""
_TYPES: dict[str, pa.DataType] = {
    "id": pa.string(),
    "text": pa.string(),
    "text_2": pa.string(),
    "line": pa.int32(),
    "heads": pa.list_(pa.int32()),
    "offsets": pa.list_(pa.list_(pa.int32())),
    "segments": pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])),
    **dict.fromkeys((*STRING_COLUMNS, "tokens_2", "comments", "multiword", "empty_nodes"), pa.list_(pa.string())),
}


def records_from_columns(columns: Columns) -> datasets.Dataset:
    """Build records from their columns.

    Known columns (`tokens`, `tags`, `offsets` …) have fixed types; the types of other columns are inferred.

    Raises:
        DataError: columns differ in length, step columns of a record differ in length, or a column has values of mixed types.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns have different lengths: {lengths}; expected one value per record in each column")
    _check_steps(columns)
    arrays = {name: _array(name, values) for name, values in columns.items()}
    # not `Dataset.from_dict`, which would infer the types again
    return records_from_table(pa.table(arrays))


def records_from_table(table: pa.Table, *, features: datasets.Features | None = None) -> datasets.Dataset:
    """Return the rows of `table` as records; `features` None: as its types say."""
    # A fingerprint of our own: `datasets` would pickle the table by dill, which replaces sys.stdout for a moment, so that other
    # threads print into nothing, or for good. It names cache files, and seqlab writes none of records in memory.
    made = datasets.table.InMemoryTable(table)
    return datasets.Dataset(made, info=datasets.DatasetInfo(features=features), fingerprint=uuid4().hex)


def records_from_rows(
    rows: Sequence[Mapping[str, Any]], *, names: Sequence[str] = ("id", "line", "tokens")
) -> datasets.Dataset:
    """Build records from rows with the same columns; without rows, `names` are the columns."""
    names = list(rows[0]) if rows else names
    return records_from_columns({name: [row[name] for row in rows] for name in names})


def nested_frames(frames: Sequence[Float[np.ndarray, "_ feature"]]) -> pa.ListArray:
    """Return the frames of all records as one column of lists of frames, without a Python loop over numbers."""
    # Python lists of lists would take many times the memory of the numbers.
    width = frames[0].shape[1] if frames else 0
    numbers = np.concatenate([array.reshape(-1) for array in frames]) if frames else np.zeros(0, dtype=np.float32)
    record_ends = np.cumsum([0, *(len(array) for array in frames)], dtype=np.int32)
    # All frames have one width, so their offsets are multiples of it.
    frame_ends = np.arange(record_ends[-1] + 1, dtype=np.int32) * np.int32(width)
    return pa.ListArray.from_arrays(record_ends, pa.ListArray.from_arrays(frame_ends, numbers))


def standard_features() -> datasets.Features:
    """Return the features of the columns with fixed types."""
    return datasets.Features.from_arrow_schema(pa.schema(_TYPES))


def _check_steps(columns: Columns) -> None:
    present = [name for name in STEP_COLUMNS if name in columns]
    # Each column is compared with the first; equal lengths carry over to all pairs.
    for name in present[1:]:
        for index, (first, second) in enumerate(zip(columns[present[0]], columns[name], strict=True)):
            if first is not None and second is not None and len(first) != len(second):
                what = f"{name} has {len(second)} values, {present[0]} {len(first)}"
                name = repr(columns["id"][index]) if "id" in columns else str(index)
                line = columns["line"][index] if "line" in columns else None
                raise DataError(f"{place_of_record(name, line=line)}: {what}; expected one per step")


def place_of_record(name: str, *, line: int | None) -> str:
    """Return how messages refer to a record: its name, and its line in the file if known."""
    return f"record {name}{'' if line is None else f' (line {line})'}"


def _array(name: str, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, type=_TYPES.get(name))
    # Arrow has no conversion for some Python types, and UTF-8 none for lone surrogates.
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeEncodeError) as error:
        kind = _TYPES.get(name, "one type for all records")
        raise DataError(f"column {name} does not hold {kind}: {error}") from error
