"""`Reader`, the base class of all file readers."""

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import datasets

from seqlab.data.readers.source import Report, refuse
from seqlab.errors import ConfigError


class Reader(ABC):
    """Base class: reads one file (or folder, or split) into records."""

    def read(self, path: Path, *, report: Report = refuse) -> datasets.Dataset:
        """Return the records of `path`; every fault goes to `report`, and the faulty record is skipped.

        Raises:
            DataError: the first fault, as ``path:line: message``, unless `report` collects them.
        """
        with _without_garbage_collection():
            return self.parse(Path(path), report=report)

    @abstractmethod
    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        """Return the valid records of `path` in file order; pass each fault to `report` and skip its record."""

    def unread(self, path: Path) -> list[str]:
        """Return descriptions of the content of `path` that this reader ignores, such as ``column 2 of 4``."""
        return []


def check_at_least(**options: tuple[float, float]) -> None:
    """Check options of a reader, each given as (value, smallest allowed value).

    Raises:
        ConfigError: a value is too small.
    """
    for name, (value, least) in options.items():
        if value < least:
            raise ConfigError(f"{name} is {value}; expected {least} or more: set data.reader.{name}")


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # A reader only allocates, so the cycle collector finds nothing; scanning the growing lists takes half of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
