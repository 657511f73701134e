"""From one file format and span scheme to another; whatever is lost on the way is told."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seqlab.data.doctor.formats import open_reader
from seqlab.data.schemes import detect_scheme, get_scheme
from seqlab.data.writers import Target, open_writer
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
    """Write the records of `path` to `target` in another format, and return what was lost, a sentence each.

    `target_scheme` None leaves the tags as they are; `source_scheme` None detects what they are in. `overrides` change
    the settings of the source's reader. `columns` are those that a column file gets.

    Raises:
        DataError: a fault of `path`, or a value that the target cannot hold.
        ConfigError: a source scheme that cannot be told.
    """
    reader = open_reader(source_format, path=path, overrides=overrides)
    records = reader.read(path)
    rows = {name: records[name][:] for name in records.column_names}
    losses = [f"not read: {what} (--set makes the reader take it)" for what in reader.unread(path)]
    if target_scheme is not None:
        per_step = source_format == "conll"
        losses += _convert_tags(
            rows, path, source_scheme=source_scheme, target_scheme=target_scheme, has_line_per_step=per_step
        )
    writer = open_writer(target_format, columns=columns)
    held = writer.held_columns(list(rows))
    lost = [name for name in rows if name not in held and not _is_redundant(name, rows, held=held, path=path)]
    if lost:
        losses.append(f"{target_format} has no place for {', '.join(lost)}: left out")
    writer.write((dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)), target)
    return losses


def _is_redundant(name: str, rows: dict[str, list[Any]], *, held: Sequence[str], path: Path) -> bool:
    """Return whether readers make the column themselves: row numbers as ids, tags that repeat another column."""
    if name == "id":
        return rows["id"] == [f"{path.stem}-{number}" for number in range(1, len(rows["id"]) + 1)]
    return name == "tags" and any(rows[other] == rows["tags"] for other in held)


def _convert_tags(
    rows: dict[str, list[Any]],
    path: Path,
    *,
    source_scheme: str | None,
    target_scheme: str,
    has_line_per_step: bool,
) -> Iterator[str]:
    if "tags" not in rows:
        raise ConfigError(f"{path} has no tags to convert to {target_scheme}; leave --scheme-to out")
    source = get_scheme(_known_scheme(rows["tags"]) if source_scheme is None else source_scheme)
    target = get_scheme(target_scheme)
    n_before = n_after = 0
    for index, tags in enumerate(rows["tags"]):
        for violation in source.violations(tags):
            line = rows["line"][index] + (violation.step if has_line_per_step else 0)
            what = f"{path}:{line}: tag {violation.tag!r} breaks {source.name}: {violation.reason}"
            raise DataError(f"{what}; mend it, `seqlab data check` lists all")
        spans = source.spans(tags)
        rows["tags"][index] = target.encode(spans, n_steps=len(tags))
        n_before += len(spans)
        n_after += len(target.spans(rows["tags"][index]))
    if n_after != n_before:
        yield f"{target.name} joins neighbouring spans of the same label: {n_before} spans became {n_after}"


def _known_scheme(tags: list[list[str]]) -> str:
    detection = detect_scheme(tags)
    if detection.name is None:
        raise ConfigError(f"{detection.describe()} Give it with --scheme-from")
    return detection.name
