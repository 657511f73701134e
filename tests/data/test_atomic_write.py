"""Files that replace others as a whole, or not at all."""

import json
import os
from pathlib import Path

import pytest

from seqlab.data.atomic_write import replacing, to_json, write_json


def test_the_new_file_replaces_the_old_one_on_success(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
        assert unfinished.parent == tmp_path  # a rename is atomic within one file system only
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_on_failure(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail_halfway() -> None:
        with replacing(path) as unfinished:
            unfinished.write_text("ne")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail_halfway()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_on_the_disk_before_it_has_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced, sync = tmp_path / "file.json", [], os.fsync

    def recording(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        assert not path.exists()
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    write_json(path, {"ä": [1]})
    assert synced == [path.stat().st_ino]
    assert path.read_text(encoding="utf-8") == '{\n  "ä": [\n    1\n  ]\n}\n'


def test_json_lines_hold_no_character_that_a_terminal_or_another_reader_obeys() -> None:
    text = "ä\x85\u2028\x9b\ud800\x7f\n"
    dumped = to_json({"text": text, "n": float("nan")})
    assert dumped == '{"text": "ä\\u0085\\u2028\\u009b\\ud800\\u007f\\n", "n": null}'
    assert json.loads(dumped)["text"] == text
