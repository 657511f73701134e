"""Conversion between file formats and span schemes, with a list of what is lost."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seqlab.data.annotations import TOOLS
from seqlab.data.doctor.formats import open_reader
from seqlab.data.schemes import Scheme, detect_scheme, get_scheme
from seqlab.data.writers import WRITERS, Target
from seqlab.errors import ConfigError, DataError


def convert_file(
    path: Path,
    target: Target,
    *,
    source_format: str,
    target_format: str,
    source_scheme: str | None,
    target_scheme: str | None,
    overrides: Sequence[str],
    columns: Sequence[str],
) -> list[str]:
    """Write the records of `path` to `target` in another format, and return descriptions of what is lost.

    Args:
        path: The file to convert.
        target: Receives the result.
        source_format: Format of `path`.
        target_format: Format of `target`.
        source_scheme: Span scheme of the tags in `path`; None: detect it.
        target_scheme: Span scheme of the tags in `target`; None: keep the tags.
        overrides: Changes of the settings of the reader.
        columns: Columns of a target in column format.

    Raises:
        DataError: a fault in `path`, or a value that the target format cannot hold.
        ConfigError: the source scheme cannot be detected.
    """
    reader = open_reader(source_format, path=path, overrides=overrides)
    records = reader.read(path)
    rows = {name: records[name][:] for name in records.column_names}
    losses = [f"not read: {what} (--set changes the reader)" for what in reader.unread(path)]
    if target_scheme is not None:
        if "tags" not in rows:
            raise ConfigError(f"{path} has no tags to convert to {get_scheme(target_scheme).name}; omit --scheme-to")
        source = get_scheme(source_scheme or _detected_scheme(rows["tags"]))
        per_step = source_format in ("conll", "frames")
        losses += _convert_tags(rows, path, source=source, target=get_scheme(target_scheme), has_line_per_step=per_step)
    if "tokens" not in rows and target_format in ("conllu", "lines"):
        raise DataError(f"{path} has no tokens, which {target_format} is made of; choose jsonl or conll")
    if target_format in TOOLS and "segments" not in rows and "tags" in rows:
        scheme = get_scheme(target_scheme or source_scheme or _detected_scheme(rows["tags"]))
        rows["segments"] = [[span._asdict() for span in scheme.spans(tags)] for tags in rows["tags"]]
    writer = WRITERS[target_format](columns)
    held = writer.held_columns(list(rows))
    lost = [name for name in rows if name not in held and not _is_redundant(name, rows, held=held, path=path)]
    if lost:
        losses.append(f"{target_format} has no place for {', '.join(lost)}: left out")
    writer.write((dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)), target)
    return losses


def _is_redundant(name: str, rows: dict[str, list[Any]], *, held: Sequence[str], path: Path) -> bool:
    """Return whether readers rebuild the column: ids that number the rows, or tags that repeat another column."""
    if name == "id":
        return rows["id"] == [f"{path.stem}-{number}" for number in range(1, len(rows["id"]) + 1)]
    return name == "tags" and any(rows[other] == rows["tags"] for other in held)


def _convert_tags(
    rows: dict[str, list[Any]], path: Path, *, source: Scheme, target: Scheme, has_line_per_step: bool
) -> Iterator[str]:
    # counted before and after, as a scheme may be unable to separate adjacent spans
    n_before = n_after = 0
    for index, tags in enumerate(rows["tags"]):
        for violation in source.violations(tags):
            line = rows["line"][index] + (violation.step if has_line_per_step else 0)
            raise DataError(f"{path}:{line}: {violation.describe(source.name)}; `seqlab data check` lists all such tags")
        spans = source.spans(tags)
        rows["tags"][index] = target.encode(spans, n_steps=len(tags))
        n_before += len(spans)
        n_after += len(target.spans(rows["tags"][index]))
    if n_after != n_before:
        yield f"{target.name} joins adjacent spans with the same label: {n_before} spans became {n_after}"


def _detected_scheme(tags: list[list[str]]) -> str:
    detection = detect_scheme(tags)
    if detection.name is None:
        raise ConfigError(f"{detection.describe()} Name the scheme with --scheme-from")
    return detection.name
