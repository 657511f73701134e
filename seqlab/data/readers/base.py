"""`Reader`: what turns files into records."""

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import datasets

from seqlab.data.readers.source import Report, refuse


class Reader(ABC):
    """Turns one file (or folder, or split) into records."""

    def read(self, path: Path, *, report: Report = refuse) -> datasets.Dataset:
        """Return the records of `path`; each fault goes to `report`, and its record is left out.

        Raises:
            DataError: the first fault found, as ``path:line: what``, unless `report` takes it.
        """
        with _without_garbage_collection():
            return self.parse(Path(path), report=report)

    @abstractmethod
    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        """Return the sound records of `path`, in file order; tell each fault to `report` and leave its record out."""

    def unread(self, path: Path) -> list[str]:
        """Return what the file `path` holds and this reader leaves out, in words; nothing unless a reader says so."""
        return []


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Pause the cycle collector, which else visits the growing lists over and over: half of a reader's time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
