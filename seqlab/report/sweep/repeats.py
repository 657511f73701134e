"""Repetitions of one run over seeds or folds, as `repeats.json` sums them up."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqlab.errors import DataError
from seqlab.report.document.model import Column, Paragraph, Section, Table

FORMAT = 1


def repeats_section(path: Path) -> Section:
    """Return mean, spread and interval of every metric over the repetitions.

    Raises: DataError for a file that is no such summary.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise DataError(f"{path}: format is {content['format']!r}; this seqlab reads format {FORMAT}; update seqlab")
        return _section(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error}); repeat the run") from error


def _section(content: Mapping[str, Any]) -> Section:
    seeds, folds = content["seeds"], content["folds"]
    over = f"seeds {', '.join(map(str, seeds))}" + (f", {folds} folds each" if folds else "")
    correction = ", corrected for the overlap of the folds' training records (Nadeau and Bengio 2003)" if folds else ""
    told = f"Over {over}. The interval is one of 95 % for the mean, by Student's t{correction}."
    columns = [Column("metric"), Column("repetitions", "count"), Column("mean", "number")]
    columns += [Column("standard deviation", "number"), Column("from", "number"), Column("to", "number")]
    rows = [
        [name, metric["n"], metric["mean"], metric["sd"], *(metric["interval"] or (None, None))]
        for name, metric in content["metrics"].items()
    ]
    states = [[each["name"], each["status"], each["monitored"], each["error"]] for each in content["repetitions"]]
    each = Table([Column("repetition"), Column("state"), Column("monitored", "number"), Column("error")], states)
    return Section("Scores over repetitions", [Paragraph(told), Table(columns, rows), each])
