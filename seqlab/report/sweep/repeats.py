"""Scores over repetitions of one run with different seeds or folds, from `repeats.json`."""

from collections.abc import Mapping
from typing import Any

from seqlab.errors import DataError
from seqlab.report.document.model import Column, Paragraph, Section, Table
from seqlab.runs.repeated_run import REPEATS, FinishedRepeat


def repeats_section(repeat: FinishedRepeat) -> Section:
    """Return the mean, spread and interval of every metric over the repetitions.

    Raises: DataError for a damaged summary.
    """
    try:
        return _section(repeat.content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{repeat.path / REPEATS}: damaged ({type(error).__name__}: {error}); run the repetitions again"
        ) from error


def _section(content: Mapping[str, Any]) -> Section:
    seeds, folds = content["seeds"], content["folds"]
    over = f"seeds {', '.join(map(str, seeds))}" + (f", {folds} folds each" if folds else "")
    correction = ", corrected for the overlap of the training folds (Nadeau and Bengio 2003)" if folds else ""
    note = f"Over {over}. Intervals are 95 % confidence intervals for the mean, by Student's t{correction}."
    columns = [Column("metric"), Column("repetitions", "count"), Column("mean", "number")]
    columns += [Column("standard deviation", "number"), Column("from", "number"), Column("to", "number")]
    rows = [
        [name, metric["n"], metric["mean"], metric["sd"], *(metric["interval"] or (None, None))]
        for name, metric in content["metrics"].items()
    ]
    states = [[each["name"], each["status"], each["monitored"], each["error"]] for each in content["repetitions"]]
    each = Table([Column("repetition"), Column("state"), Column("monitored", "number"), Column("error")], states)
    return Section("Scores over repetitions", [Paragraph(note), Table(columns, rows), each])
