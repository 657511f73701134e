"""The doctor's report as tables (plain text outside a terminal) and as JSON."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import chain
from os.path import commonpath
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqlab.data.doctor.checks import Finding
from seqlab.data.doctor.examine import FileReport, Leak

_BUCKETS = (0, 1, 2, 5, 10, 20, 40, 80, 160)
"""Longest record in each row of the length table; one more row has the rest."""
_N_LABELS_SHOWN = 60


def print_reports(reports: Sequence[FileReport], leaks: Sequence[Leak], *, console: Console, max_shown: int | None) -> None:
    """Print at most `max_shown` errors and warnings of each kind per file (None: all), and the tables."""
    of_files = (_finding_lines(report.findings, max_shown) for report in reports)
    of_leaks = (_leak_lines(leak, max_shown) for leak in leaks)
    for line in chain.from_iterable((*of_files, *of_leaks)):
        console.print(Text(line), soft_wrap=True)
    for table in (_files(reports), *_labels(reports), _lengths(reports)):
        table.box = box.SIMPLE if console.is_terminal else None
        console.print(table)
    for report in reports:
        console.print(Text(f"{report.path}: {report.scheme_note}"), soft_wrap=True)
    n_errors = sum(report.n_errors for report in reports)
    n_warnings = sum(len(report.findings) for report in reports) - n_errors
    console.print(Text(f"{n_errors} error(s), {n_warnings} warning(s) in {len(reports)} file(s)"), soft_wrap=True)


def as_json(reports: Sequence[FileReport], leaks: Sequence[Leak]) -> dict[str, Any]:
    """Return the report as JSON values."""
    return {"files": [_file_json(report) for report in reports], "leaks": [_leak_json(leak) for leak in leaks]}


def _finding_lines(findings: Iterable[Finding], max_shown: int | None) -> Iterable[str]:
    seen: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        seen[finding.severity, finding.kind] += 1
        if max_shown is None or seen[finding.severity, finding.kind] <= max_shown:
            yield str(finding)
    for (severity, kind), count in seen.items():
        if max_shown is not None and count > max_shown:
            yield f"… and {count - max_shown:,} more {severity}s of the kind {kind!r}; --all shows them"


def _leak_lines(leak: Leak, max_shown: int | None) -> Iterable[str]:
    shown = leak.lines if max_shown is None else leak.lines[:max_shown]
    for first, second in shown:
        yield f"{leak.second}:{second}: warning: same tokens as {leak.first}:{first}"
    if len(shown) < len(leak.lines):
        yield f"… and {len(leak.lines) - len(shown)} more in both; --all shows them"
    what = f"{len(leak.lines)} of {leak.n_second} distinct records ({leak.share:.1%}) are in {leak.first}"
    yield f"{leak.second}: warning: {what}"


def _files(reports: Sequence[FileReport]) -> Table:
    header = ("file", "format", "records", "tokens", "longest", "scheme", "errors", "warnings")
    rows = []
    for report, name in zip(reports, _names(reports), strict=True):
        counts = (report.n_records, report.n_tokens, max(report.lengths, default=0))
        n_warnings = len(report.findings) - report.n_errors
        rows.append((name, report.format, *counts, report.scheme or "-", report.n_errors, n_warnings))
    return _table("files", header, rows)


def _labels(reports: Sequence[FileReport]) -> Iterable[Table]:
    for kind in dict.fromkeys(kind for report in reports for kind in report.counts):
        counts = [report.counts.get(kind, Counter()) for report in reports]
        total = sum(counts, Counter[str]())
        rows: list[tuple[str | int, ...]] = [
            (label, *(count[label] for count in counts)) for label, _ in total.most_common(_N_LABELS_SHOWN)
        ]
        if len(total) > _N_LABELS_SHOWN:
            rows.append((f"… and {len(total) - _N_LABELS_SHOWN} more (--json has all)",))
        rows.append(("(all)", *(count.total() for count in counts)))
        yield _table(kind, (kind, *_names(reports)), rows)


def _lengths(reports: Sequence[FileReport]) -> Table:
    lows = [0, *(bound + 1 for bound in _BUCKETS)]
    names = [f"{low}-{high}" if low < high else f"{high}" for low, high in zip(lows, _BUCKETS, strict=False)]
    # bisect_left, because a length equal to a bound belongs to the bucket that ends there
    histograms = [Counter(bisect_left(_BUCKETS, n) for n in report.lengths.elements()) for report in reports]
    counts = ([histogram[i] for histogram in histograms] for i in range(len(lows)))
    named = zip([*names, f"{lows[-1]}+"], counts, strict=True)
    rows: list[tuple[str | int, ...]] = [(name, *row) for name, row in named if any(row)]
    return _table("lengths", ("tokens", *_names(reports)), rows)


def _names(reports: Sequence[FileReport]) -> list[str]:
    """Return the paths relative to the folder that contains all files."""
    # the folder they share would make every column of the tables wide
    folder = Path(commonpath([report.path.absolute().parent for report in reports]))
    return [str(report.path.absolute().relative_to(folder)) for report in reports]


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Table:
    table = Table(title=title, title_justify="left")
    for index, name in enumerate(header):
        table.add_column(Text(name), justify="right" if index else "left")
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else cell) for cell in row))
    return table


def _file_json(report: FileReport) -> dict[str, Any]:
    return {
        "path": str(report.path),
        "format": report.format,
        "records": report.n_records,
        "tokens": report.n_tokens,
        "scheme": report.scheme,
        "scheme_note": report.scheme_note,
        "labels": {kind: dict(count.most_common()) for kind, count in report.counts.items()},
        "lengths": {str(length): count for length, count in sorted(report.lengths.items())},
        "findings": [asdict(finding) | {"path": str(finding.path)} for finding in report.findings],
    }


def _leak_json(leak: Leak) -> dict[str, Any]:
    return {"first": str(leak.first), "second": str(leak.second), "share": leak.share, "lines": leak.lines}
