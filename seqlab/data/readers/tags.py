"""Conversion of tags to another span scheme while reading."""

from collections.abc import Sequence
from typing import Any, final

from seqlab.data.readers.source import Source
from seqlab.data.schemes import get_scheme
from seqlab.errors import ConfigError


@final
class TagConverter:
    """Checks tags against `scheme` and converts them to `target_scheme`.

    Args:
        scheme: Span scheme of the tags in the file; None: the tags are not checked.
        target_scheme: Span scheme to convert to; None: the tags are not converted.

    Raises:
        ConfigError: a scheme is unknown, or `target_scheme` is given without `scheme`.
    """

    def __init__(self, *, scheme: str | None, target_scheme: str | None) -> None:
        if scheme is None and target_scheme is not None:
            raise ConfigError(f"target_scheme is {target_scheme!r} but scheme is null; set data.reader.scheme")
        self._scheme = None if scheme is None else get_scheme(scheme)
        self._target = None if target_scheme is None else get_scheme(target_scheme)
        self._known: dict[tuple[str, ...], list[str]] = {}

    def convert(self, record: dict[str, Any], *, lines: Sequence[int], source: Source) -> bool:
        """Convert the tags of `record`, if it has any; report violations, each at its line in `lines`, and return False."""
        if self._scheme is None or "tags" not in record:
            return True
        tags = record["tags"]
        key = tuple(tags)
        if key not in self._known:  # most records share their tags with others
            violations = self._scheme.violations(tags)
            for violation in violations:
                source.fault(lines[violation.step], violation.describe(self._scheme.name))
            if violations:
                return False
            if self._target is not None:
                tags = self._target.encode(self._scheme.spans(tags), n_steps=len(tags))
            self._known[key] = tags
        record["tags"] = self._known[key]
        return True
