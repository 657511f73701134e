"""A study in PostgreSQL, shared by two sweeps; the test starts a server on this machine."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def _programs() -> Path | None:
    """Return the folder with the programs of the newest installed version of PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found else None


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of an empty database."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    if os.getuid() == 0 and shutil.which("su") is None:
        pytest.skip("PostgreSQL does not run as root, and su is missing")
    folder = Path("/tmp") / f"seqlab-sweep-postgresql-{os.getpid()}"  # other users may not enter pytest's folders
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")

    def run(command: str) -> None:
        words = ["su", "postgres", "-c", command] if os.getuid() == 0 else ["sh", "-c", command]
        subprocess.run(words, check=True, capture_output=True, cwd="/")

    data = folder / "data"
    try:
        run(f"{programs}/initdb -D {data} -A trust -U seqlab --no-sync")
        run(f"{programs}/pg_ctl -D {data} -w -l {folder}/log -o '-p {port} -h 127.0.0.1 -k {folder} -F' start")
        try:
            yield f"postgresql://seqlab@127.0.0.1:{port}/postgres"
        finally:
            run(f"{programs}/pg_ctl -D {data} -m immediate stop")
    finally:
        shutil.rmtree(folder)


def test_two_parents_share_a_study_in_a_database(sweeping: Any, server: str) -> None:
    words = ("hparams_search=grid", "seed=3,30,31,32,33,34", f"hydra.sweeper.storage={server}")
    parents = [sweeping.start(sweeping.command(*words, study="far"), log=log) for log in ("first", "second")]
    assert [parent.wait(timeout=1800) for parent in parents] == [0, 0], sweeping.log_text("first") + sweeping.log_text("second")
    content = sweeping.exported(server, "--name", "far")
    assert sweeping.exported("multiruns/far") == content, "the folder of the sweep leads to its study"
    assert content["counts"]["complete"] == 5
    assert content["counts"]["failed"] == 1
    assert len(content["trials"]) == 6
    assert sorted(sweeping.begun()) == [3, 30, 31, 32, 33, 34]
    assert not (sweeping.folder / "multiruns" / "far" / "study.db").exists()
