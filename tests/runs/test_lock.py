"""The lock of a run: what it read, by content, and what has become of it."""

import hashlib
import json
from pathlib import Path

import pytest
from pytorch_lightning.utilities import rank_zero_only

from seqlab.errors import DataError
from seqlab.runs.lock import Lock
from seqlab.runs.writer import RunFolder
from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.train import Run, train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    data = write_corpus(tmp_path_factory.mktemp("corpus") / "data")
    return train_small(data, tmp_path_factory.mktemp("run"), ["trainer.max_epochs=1"])


def test_files_of_all_splits_are_there_by_content(run: Run) -> None:
    sources = Lock.read(run.folder).sources
    assert len(sources) == 9
    for source in sources:
        content = Path(source.name).read_bytes()
        assert (source.sha256, source.size, source.is_file) == (hashlib.sha256(content).hexdigest(), len(content), True)


def test_changed_and_missing_files_are_named(run: Run) -> None:
    lock = Lock.read(run.folder)
    assert lock.changed_files() == {}
    changed, gone = (Path(lock.sources[i].name) for i in (0, 1))
    before = changed.read_text(), gone.read_text()
    try:
        changed.write_text(before[0] + "!")
        gone.unlink()
        size = len(before[0])
        assert lock.changed_files() == {
            str(changed): f"has changed: {size} bytes then, {size + 1} now",
            str(gone): "is gone",
        }
    finally:
        changed.write_text(before[0])
        gone.write_text(before[1])


def test_records_of_no_file_are_there_by_what_they_say(tmp_path: Path) -> None:
    small = ["data.reader.n_train=8", "data.reader.n_val=4", "data.reader.n_test=4", "trainer.max_epochs=1", "encoder.width=4"]
    locks = []
    for name, more in (("a", []), ("b", []), ("c", ["data.reader.seed=2"])):
        train([*small, *more, f"hydra.run.dir={tmp_path / name}", "n_threads=1", "callbacks=none", "logger=none"])
        locks.append(Lock.read(tmp_path / name).sources)
    assert [(source.name, source.size, source.is_file) for source in locks[0]] == [
        ("data, train", 8, False),
        ("data, val", 4, False),
        ("data, test", 4, False),
    ]
    assert locks[0] == locks[1]
    assert all(one.sha256 != other.sha256 for one, other in zip(locks[0], locks[2], strict=True))


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_of_several_processes_alone_reads_the_data_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: int
) -> None:
    (tmp_path / "train.conll").write_text("a\tO\n")
    data = {"reader": {}, "dir": str(tmp_path), "splits": {"train": "train.conll"}}
    settings = {"fold": None, "data": data, "embedding": {}, "vectors": [], "ckpt_path": None, "init_from": None}
    hashed: list[Path] = []
    monkeypatch.setattr("seqlab.runs.lock._sha256", lambda path: hashed.append(path) or "0")
    monkeypatch.setattr(rank_zero_only, "rank", rank)
    RunFolder(tmp_path).save_lock(settings, {}, allow=[])
    assert hashed == [tmp_path / "train.conll"][rank:]
    assert (tmp_path / "lock.json").exists() == (rank == 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"lock\.json does not exist"),
        ("{", r"lock\.json:1: not JSON"),
        (json.dumps({"format": 1, "sources": []}), r"lock\.json: not the lock"),
        (
            json.dumps({"working_dir": "", "sources": [], "allow": []}),
            r"lock\.json: format is None; this seqlab reads format 1",
        ),
        (json.dumps({"format": 1, "working_dir": "", "sources": [{}], "allow": []}), r"lock\.json: not the lock"),
        (
            json.dumps({"format": 2, "working_dir": "", "sources": [], "allow": []}),
            r"lock\.json: format is 2; this seqlab reads format 1; update seqlab",
        ),
    ],
)
def test_damage_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "lock.json").write_text(content)
    with pytest.raises(DataError, match=message):
        Lock.read(tmp_path)
