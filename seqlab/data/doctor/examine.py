"""Examination of files: their faults, schemes, labels and lengths, and leaks between them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Any, final

from seqlab.data.doctor.checks import (
    Finding,
    Rows,
    bare_prefixes,
    duplicates,
    empty_records,
    odd_characters,
    tag_violations,
    unaligned_texts,
)
from seqlab.data.doctor.formats import open_reader
from seqlab.data.doctor.partial import annotated_runs, closed, open_span_tags, partial_annotation, partial_violations
from seqlab.data.readers.jsonl import REJECTED, rejected_lines
from seqlab.data.readers.source import Fault, Source
from seqlab.data.schemes import Detection, Scheme, detect_scheme, get_scheme

_COLUMNS = ("id", "line", "tokens", "tags", "label", "segments", "text", "offsets", "frames")
_TOLERATED_SHARE = 0.2


@final
@dataclass(frozen=True, slots=True)
class FileReport:
    """Findings and statistics of one file; records with a parse fault are not counted."""

    path: Path
    format: str
    n_records: int
    n_tokens: int
    findings: list[Finding]
    scheme: str | None
    """The scheme that the tags were checked against; None for plain labels."""
    scheme_note: str
    counts: dict[str, Counter[str]]
    """Kind of label (`spans`, `tags`, `label`, `segments`) -> number of occurrences of each label."""
    lengths: Counter[int]
    """Number of tokens -> number of records."""
    lines: dict[tuple[str, ...], int]
    """Tokens of each distinct record -> line of its first occurrence."""

    @property
    def n_errors(self) -> int:
        """Number of findings that are errors."""
        return sum(finding.severity == "error" for finding in self.findings)


def examine(
    path: Path, *, format_name: str, overrides: Sequence[str], scheme: str | None, is_partial: bool = False
) -> FileReport:
    """Return all faults in `path`, not only the first, and its statistics.

    Args:
        path: A file, or a folder of parallel files.
        format_name: Its format, one of FORMATS.
        overrides: Changes of the settings of the reader, such as ``columns.tags=3``.
        scheme: Expected scheme of the tags; None: detect it.
        is_partial: Whether the file is partially annotated on purpose; otherwise this is a finding.

    Raises:
        DataError: the file does not exist.
    """
    faults: list[Fault] = []
    records = open_reader(format_name, path=path, overrides=overrides).read(path, report=faults.append)
    columns = {name: records[name][:] for name in _COLUMNS if name in records.column_names}
    text_path = path / "seq.in" if format_name == "lines" else path
    rows = Rows(text_path, columns, has_line_per_step=format_name in ("conll", "frames"))
    tags = columns.get("tags", [])
    left_open = open_span_tags(tags)
    detection = detect_scheme(_to_detect_by(tags, left_open))
    expected = get_scheme(scheme) if scheme is not None else _expected_scheme(detection)
    if expected is None:  # among plain labels, `_` and `A|B` are labels like others
        left_open, detection = set(), detect_scheme(tags)
    parsed = [Finding("format", "error", fault.path, fault.line, fault.message) for fault in faults]
    rejected = _rejected(rows) if format_name == "jsonl" else []
    found = [*parsed, *rejected, *_findings(rows, expected, left_open, is_partial=is_partial)]
    lengths = list(map(len, columns["tokens" if "tokens" in columns else "frames"]))
    return FileReport(
        path=path,
        format=format_name,
        n_records=len(records),
        n_tokens=sum(lengths),
        findings=sorted(found, key=lambda finding: finding.line),
        scheme=None if expected is None else expected.name,
        scheme_note=_verdict(detection, expected) if "tags" in columns else "There are no tags.",
        counts=_counts(columns | {"tags": closed(tags, left_open)} if left_open else columns, expected),
        lengths=Counter(lengths),
        # reversed, since the last of equal keys stays in a dictionary: that of the first record
        lines={tuple(tokens): rows.line(record) for record, tokens in reversed(list(enumerate(columns.get("tokens", ()))))},
    )


def _rejected(rows: Rows) -> list[Finding]:
    """Return a finding on the records that an annotator has rejected, if there are any."""
    lines = rejected_lines(Source(rows.path, report=list[Fault]().append))
    what = REJECTED.format(len(lines))
    return [rows.finding("rejected", "warning", lines[0], what, others=lines[1:])] if lines else []


def _to_detect_by(tags: Sequence[Sequence[str]], left_open: set[str]) -> Sequence[Sequence[str]]:
    """Return the fully annotated records; if there are none, the annotated parts of the others."""
    full = [row for row in tags if left_open.isdisjoint(row)]
    return full if any(full) else [run for row in tags for _, run in annotated_runs(row, left_open)]


def _findings(rows: Rows, scheme: Scheme | None, left_open: set[str], *, is_partial: bool) -> Iterator[Finding]:
    checks = [odd_characters(rows), empty_records(rows), unaligned_texts(rows), duplicates(rows)]
    if scheme is not None and "tags" in rows.columns:
        tags_path = rows.path.with_name("seq.out") if rows.path.name == "seq.in" else rows.path
        of_tags = rows._replace(path=tags_path)
        checks.append(tag_violations(of_tags, scheme, left_open=left_open))
        checks.append(partial_violations(of_tags, scheme, left_open))
        checks += [] if is_partial else [partial_annotation(of_tags, left_open)]
    elif "tags" in rows.columns:
        checks.append(bare_prefixes(rows))
    return chain(*checks)


def _expected_scheme(detection: Detection) -> Scheme | None:
    """Return the scheme with the fewest violations, if there are few; BIO if several fit equally well."""
    n_broken = detection.violations[detection.nearest]
    is_few = detection.is_spans or n_broken <= _TOLERATED_SHARE * detection.n_steps
    return get_scheme(detection.nearest) if detection.is_mostly_spans and is_few else None


def _verdict(detection: Detection, scheme: Scheme | None) -> str:
    """Return one sentence on the scheme that the tags were checked against."""
    if scheme is None or not detection.n_steps:
        return detection.describe()
    name, n_broken, n_steps = scheme.name, detection.violations[scheme.name], detection.n_steps
    if not n_broken:
        others = [other for other in detection.candidates if other != name]
        also = f"; {', '.join(others)} fit too" if others else ""
        return f"The tags are {name}, without violations in {n_steps:,} steps{also}."
    better = detection.nearest if detection.violations[detection.nearest] < n_broken else None
    said = f"Checked as {name}, but the tags look like {better}" if better else f"The tags are {name}"
    return f"{said}: {n_broken:,} of {n_steps:,} steps break {name}."


def _counts(columns: dict[str, list[Any]], scheme: Scheme | None) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    if "tags" in columns and scheme is not None:
        # an empty tag, which is a finding of its own, has no span
        rows = (tags for tags in columns["tags"] if all(tags))
        counts["spans"] = Counter(span.label for tags in rows for span in scheme.spans(tags))
    elif "tags" in columns:
        counts["tags"] = Counter(chain.from_iterable(columns["tags"]))
    if "segments" in columns and "tags" not in columns:
        counts["segments"] = Counter(segment["label"] for segments in columns["segments"] for segment in segments)
    if "label" in columns:
        labels = ([label] if isinstance(label, str) else label for label in columns["label"])
        counts["label"] = Counter(chain.from_iterable(labels))
    return counts


@final
@dataclass(frozen=True, slots=True)
class Leak:
    """Distinct token sequences in two files, by the line of their first occurrence in each."""

    first: Path
    second: Path
    lines: list[tuple[int, int]]
    n_second: int
    """Number of distinct sequences in `second`."""

    @property
    def share(self) -> float:
        """Share of the distinct sequences of `second` that are also in `first`."""
        return len(self.lines) / self.n_second


def find_leaks(reports: Sequence[FileReport]) -> Iterator[Leak]:
    """Yield the shared records of each pair of files that share any."""
    for first, second in combinations(reports, 2):
        shared = [(first.lines[tokens], line) for tokens, line in second.lines.items() if tokens in first.lines]
        if shared:
            yield Leak(first.path, second.path, sorted(shared, key=lambda lines: lines[1]), len(second.lines))
