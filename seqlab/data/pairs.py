"""Records with two sides, such as two sentences to compare: column `X_2` of the second side corresponds to `X`."""

from collections.abc import Sequence

import datasets

from seqlab.errors import DataError

SECOND = "_2"
"""Suffix of the columns of the second side."""


def second_side(records: datasets.Dataset) -> datasets.Dataset | None:
    """Return the second sides as records with the column names of the first; None if there are no second sides."""
    names = [name for name in records.column_names if f"{name}{SECOND}" in records.column_names]
    if not names:
        return None
    # ids and lines have no second side; messages about it need them nevertheless
    place = [name for name in ("id", "line") if name in records.column_names and name not in names]
    chosen = records.select_columns([*place, *(f"{name}{SECOND}" for name in names)])
    return chosen.rename_columns({f"{name}{SECOND}": name for name in names})


def one_after_another(records: Sequence[datasets.Dataset], *, column: str) -> datasets.Dataset:
    """Concatenate the records that have `column`, with the columns that have the same type in all of them.

    Raises:
        DataError: `column` itself has different types.
    """
    # without the column in any of them, the field reports that it is missing
    having = [one for one in records if column in one.column_names] or list(records[:1])
    if len(having) == 1:
        return having[0]
    kinds = {str(one.features[column]): one.features[column] for one in having}
    if len(kinds) > 1:
        raise DataError(f"column {column!r} holds {' in one data set and '.join(kinds)} in another; expected the same in all")
    first, *others = having
    shared = [name for name, kind in first.features.items() if all(one.features.get(name) == kind for one in others)]
    return datasets.concatenate_datasets([one.select_columns(shared) for one in having])
