"""Conversion of tags to another span scheme while reading."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, final

import datasets
import pyarrow as pa

from seqlab.data.readers.source import Source
from seqlab.data.records import records_from_table
from seqlab.data.schemes import Violation, detect_scheme, get_scheme
from seqlab.data.schemes.tags import split_tag
from seqlab.errors import ConfigError

log = logging.getLogger(__name__)

Tagged: TypeAlias = tuple[dict[str, Any], Sequence[int]]
"""A record, and the line of each of its steps."""
_Broken: TypeAlias = tuple[int, Violation, Sequence[str]]
"""The line of the first violation in a record, the violation, and the tags."""


@final
class TagConverter:
    """Checks tags against `scheme` and converts them to `target_scheme`.

    Args:
        scheme: Span scheme of the tags in the file; None: the tags are not checked.
        target_scheme: Span scheme to convert to; None: the tags are not converted.
        repair: Whether records that break the scheme are read leniently, as seqeval does, and encoded again. False, and for
            tags that do not belong to the scheme: they are faults.

    Raises:
        ConfigError: a scheme is unknown, or `target_scheme` is given without `scheme`.
    """

    def __init__(self, *, scheme: str | None, target_scheme: str | None, repair: bool = False) -> None:
        if scheme is None and target_scheme is not None:
            raise ConfigError(f"target_scheme is {target_scheme!r} but scheme is null; set data.reader.scheme")
        self._scheme = None if scheme is None else get_scheme(scheme)
        self._target = None if target_scheme is None else get_scheme(target_scheme)
        self._repairs = repair
        self._known: dict[tuple[str, ...], list[str]] = {}

    def converted(self, records: Iterable[Tagged], *, source: Source) -> Iterator[dict[str, Any]]:
        """Yield the records of a file with their tags converted.

        Records that break the scheme are reported together at the end, at the first violation, and not yielded; with `repair`,
        they are yielded, with a warning.
        """
        broken: list[_Broken] = []
        repaired: list[_Broken] = []
        n_records = 0
        for record, lines in records:
            n_records += 1
            violation = self._convert(record)
            if violation is None or self._can_repair(record["tags"]):
                yield record if violation is None else record | {"tags": self._encoded(record["tags"])}
            if violation is not None:
                group = repaired if self._can_repair(record["tags"]) else broken
                # collected, not raised at once: a wrong scheme breaks thousands of records, and one message counts them
                group.append((lines[violation.step], violation, record["tags"]))
        if repaired:
            what = self._describe(repaired, n_records)
            log.warning("%s:%d: %s; read leniently", source.path, repaired[0][0], what)
        if broken:
            change = "; data.reader.repair=true reads them leniently" if self._can_repair(broken[0][2], repairs=True) else ""
            source.fault(broken[0][0], f"{self._describe(broken, n_records)}{self._fitting(broken)}; correct them{change}")

    def converted_data(self, records: datasets.Dataset, *, source: Source) -> datasets.Dataset:
        """Return records with their tags converted, as `converted` does; the number of a record stands for its line."""
        if self._scheme is None or "tags" not in records.column_names:
            return records
        # a split without labels has null tags
        tags = [{} if value is None else {"tags": value} for value in records["tags"]]
        numbered = [{"row": row, **of_row} for row, of_row in enumerate(tags)]
        lines = ([one["row"] + 1] * len(one.get("tags", ())) for one in numbered)
        found = list(self.converted(zip(numbered, lines, strict=True), source=source))
        table = records.select([one["row"] for one in found]).with_format("arrow")[:]
        place = table.column_names.index("tags")
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array([one.get("tags") for one in found], type=field.type))
        return records_from_table(table, features=records.features)

    def _convert(self, record: dict[str, Any]) -> Violation | None:
        """Convert the tags of `record`, if it has any; return the first violation."""
        if self._scheme is None or "tags" not in record:
            return None
        key = tuple(record["tags"])
        if key not in self._known:  # most records share their tags with others
            violations = self._scheme.violations(key)
            if violations:
                return violations[0]
            self._known[key] = record["tags"] if self._target is None else self._encoded(key)
        record["tags"] = self._known[key]
        return None

    def _encoded(self, tags: Sequence[str]) -> list[str]:
        assert self._scheme is not None
        return (self._target or self._scheme).encode(self._scheme.spans(tags), n_steps=len(tags))

    def _can_repair(self, tags: Sequence[str], *, repairs: bool | None = None) -> bool:
        """Return whether tags that break the scheme have spans by lenient reading: all of them belong to the scheme."""
        assert self._scheme is not None
        is_on = self._repairs if repairs is None else repairs
        return is_on and all(split_tag(tag)[0] in self._scheme.prefixes for tag in tags)

    def _describe(self, broken: Sequence[_Broken], n_records: int) -> str:
        assert self._scheme is not None
        name, (_, first, _) = self._scheme.name, broken[0]
        return f"{first.describe(name)}; {len(broken):,} of {n_records:,} records break {name}"

    def _fitting(self, broken: Sequence[_Broken]) -> str:
        """Return a hint to the scheme that fits better than the given one; empty if none does."""
        assert self._scheme is not None
        found = detect_scheme([*self._known, *(tags for _, _, tags in broken)])
        # only a clear gain is worth a hint: any other scheme may have a few violations fewer by chance
        if found.violations[found.nearest] >= found.violations[self._scheme.name] / 2:
            return ""
        return f"; the tags look like {found.nearest}: set data.reader.scheme={found.nearest}"
