"""Damage in the summary of a repeated run is reported in the same way everywhere."""

from pathlib import Path

import pytest

from seqlab.errors import BundleError, DataError
from seqlab.report.subject import report_of
from seqlab.runs.find_model import find_bundle
from seqlab.runs.repeated_run import FinishedRepeat

DAMAGED = [
    (b"{", r"repeats\.json:1: not JSON"),
    (b"\xff", r"repeats\.json: not UTF-8 at byte 0"),
    (b"[]", r"repeats\.json holds a list; expected the summary of a run"),
    (b'{"format": 1, "repetitions": [{"name": "seed_1"}]}', r"repeats\.json: no valid repetitions"),
    (b'{"format": 2, "repetitions": []}', r"repeats\.json: format is 2; this seqlab reads format 1"),
]


@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_damage_is_named_by_all_that_read_it(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "repeats.json").write_bytes(content)
    assert FinishedRepeat.is_at(tmp_path)
    with pytest.raises(DataError, match=message):
        _ = FinishedRepeat(tmp_path).names
    with pytest.raises(DataError, match=message):
        report_of(tmp_path, n_examples=0)
    with pytest.raises(BundleError, match=f"{message}.*; name one of the run folders in"):
        find_bundle(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"repeats\.json does not exist; expected the summary of a run with repeat\.seeds"):
        _ = FinishedRepeat(tmp_path).best
