"""The contract of readers."""

import re
from abc import ABC, abstractmethod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Fault
from seqlab.data.records import STEP_COLUMNS
from seqlab.errors import DataError


class ReaderContract(ABC):
    """Subclass it as `Test…`, define how the reader is made, and write a valid and a damaged file for it."""

    @abstractmethod
    def make(self) -> Reader:
        """Return a new reader."""

    @abstractmethod
    def write_sound(self, folder: Path) -> Path:
        """Write the records of `expected` to `folder`, and return the path to read."""

    @abstractmethod
    def expected(self) -> list[dict[str, Any]]:
        """Return the records of the valid file; omitted columns are not compared."""

    @abstractmethod
    def write_damaged(self, folder: Path) -> tuple[Path, int]:
        """Write a file with one fault to `folder`; return the path to read, and the line of the fault, from 1."""

    def test_records_are_as_written(self) -> None:
        with TemporaryDirectory() as folder:
            records = self.make().read(self.write_sound(Path(folder))).to_list()
        assert len(records) == len(self.expected())
        for record, expected in zip(records, self.expected(), strict=True):
            assert {name: record.get(name) for name in expected} == expected

    def test_every_record_has_an_id_of_its_own(self) -> None:
        with TemporaryDirectory() as folder:
            ids = self.make().read(self.write_sound(Path(folder)))["id"]
        assert all(isinstance(name, str) for name in ids)
        assert len(set(ids)) == len(ids)

    def test_step_columns_have_one_value_a_step(self) -> None:
        with TemporaryDirectory() as folder:
            records = self.make().read(self.write_sound(Path(folder))).to_list()
        for record in records:
            lengths = {name: len(record[name]) for name in STEP_COLUMNS if record.get(name) is not None}
            assert len(set(lengths.values())) <= 1, f"record {record['id']}: {lengths}"

    def test_reading_again_gives_the_same(self) -> None:
        with TemporaryDirectory() as folder:
            path = self.write_sound(Path(folder))
            assert self.make().read(path).to_list() == self.make().read(path).to_list()

    def test_a_fault_is_reported_with_its_line(self) -> None:
        with TemporaryDirectory() as folder:
            path, line = self.write_damaged(Path(folder))
            _raises(lambda: self.make().read(path), match=rf"{re.escape(folder)}.*:{line}: ")

    def test_a_fault_can_be_collected(self) -> None:
        faults: list[Fault] = []
        with TemporaryDirectory() as folder:
            path, line = self.write_damaged(Path(folder))
            self.make().parse(path, report=faults.append)
        assert [fault.line for fault in faults] == [line]

    def test_a_missing_file_is_named(self) -> None:
        _raises(lambda: self.make().read(Path("no-such-folder/no-such-file")), match="no-such-file")


def _raises(call: Any, *, match: str) -> None:
    try:
        call()
    except DataError as error:
        if not re.search(match, str(error)):
            raise AssertionError(f"message {str(error)!r} does not match {match!r}") from error
    else:
        raise AssertionError(f"no DataError; expected one that matches {match!r}")
