"""The contract of readers."""

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest

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

    def test_records_are_as_written(self, tmp_path: Path) -> None:
        records = self.make().read(self.write_sound(tmp_path)).to_list()
        assert len(records) == len(self.expected())
        for record, expected in zip(records, self.expected(), strict=True):
            assert {name: record.get(name) for name in expected} == expected

    def test_every_record_has_an_id_of_its_own(self, tmp_path: Path) -> None:
        ids = self.make().read(self.write_sound(tmp_path))["id"]
        assert all(isinstance(name, str) for name in ids)
        assert len(set(ids)) == len(ids)

    def test_step_columns_have_one_value_a_step(self, tmp_path: Path) -> None:
        for record in self.make().read(self.write_sound(tmp_path)).to_list():
            lengths = {name: len(record[name]) for name in STEP_COLUMNS if record.get(name) is not None}
            assert len(set(lengths.values())) <= 1, f"record {record['id']}: {lengths}"

    def test_reading_again_gives_the_same(self, tmp_path: Path) -> None:
        path = self.write_sound(tmp_path)
        assert self.make().read(path).to_list() == self.make().read(path).to_list()

    def test_a_fault_is_reported_with_its_line(self, tmp_path: Path) -> None:
        path, line = self.write_damaged(tmp_path)
        with pytest.raises(DataError, match=rf"{re.escape(str(tmp_path))}.*:{line}: "):
            self.make().read(path)

    def test_a_fault_can_be_collected(self, tmp_path: Path) -> None:
        faults: list[Fault] = []
        path, line = self.write_damaged(tmp_path)
        self.make().parse(path, report=faults.append)
        assert [fault.line for fault in faults] == [line]

    def test_a_missing_file_is_named(self) -> None:
        with pytest.raises(DataError, match="no-such-file"):
            self.make().read(Path("no-such-folder/no-such-file"))
