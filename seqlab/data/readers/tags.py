"""From one span scheme to another while reading, with every violation told by its line."""

from collections.abc import Sequence
from typing import final

from seqlab.data.readers.source import Source
from seqlab.data.schemes import convert_tags, get_scheme
from seqlab.errors import ConfigError


@final
class TagConverter:
    """Checks tags against `scheme` and converts them to `target_scheme`; does nothing where `scheme` is None."""

    def __init__(self, *, scheme: str | None, target_scheme: str | None) -> None:
        if scheme is None and target_scheme is not None:
            what = f"target_scheme is {target_scheme!r} but scheme is null"
            raise ConfigError(f"{what}; set data.reader.scheme to what the file's tags are in")
        self._scheme = None if scheme is None else get_scheme(scheme)
        self._target = None if target_scheme is None else get_scheme(target_scheme)
        self._known: dict[tuple[str, ...], list[str]] = {}

    def convert(self, tags: list[str], *, lines: Sequence[int], source: Source) -> list[str] | None:
        """Return the converted tags, or None where faults were reported; `lines` holds the line of each tag."""
        if self._scheme is None or not tags:
            return tags
        key = tuple(tags)
        if key not in self._known:
            violations = self._scheme.violations(tags)
            for violation in violations:
                what = f"tag {violation.tag!r} breaks {self._scheme.name}: {violation.reason}"
                source.fault(lines[violation.step], what)
            if violations:
                return None
            self._known[key] = self._converted(tags)
        return self._known[key]

    def _converted(self, tags: list[str]) -> list[str]:
        if self._target is None or self._scheme is None:
            return tags
        return convert_tags(tags, source=self._scheme.name, target=self._target.name)
