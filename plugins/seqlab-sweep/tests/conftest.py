"""Shape checks and fixed seeds, as in seqlab's own tests; fixtures for studies and for whole sweeps."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook("seqlab_sweep", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState
from seqlab_sweep.attributes import FOLDER, StudyFacts
from seqlab_sweep.claims import Claims
from seqlab_sweep.folders import note
from seqlab_sweep.processes import ProcessName, this_machine
from seqlab_sweep.searching import Objective, build_sampler
from seqlab_sweep.stores import Store
from seqlab_sweep.study import SharedStudy, plain_space


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Seed every test alike, whatever order the tests run in, and restore the random state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


SPACE: dict[str, BaseDistribution] = {
    "optimizer.lr": FloatDistribution(1e-4, 1e-2, log=True),
    "encoder": CategoricalDistribution(["lstm", "gru"]),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store in a SQLite file that does not exist yet."""
    return Store(f"sqlite:///{tmp_path}/multiruns/mine/study.db")


@pytest.fixture
def shared(store: Store) -> SharedStudy:
    """Return a new study of two parameters."""
    study = SharedStudy.started(store, "mine", objectives=[Objective("monitor", "maximize")])
    facts = StudyFacts(
        space=plain_space(SPACE),
        objectives=[{"name": "monitor", "direction": "maximize"}],
        overrides=["hparams_search=tpe", "data=sample"],
        words=["--config-dir", "/my conf", "hydra.mode=RUN", "hparams_search=tpe", "data=sample", "n_threads=2"],
        sampler="tpe",
        pruner="none",
        n_trials=5,
        folder=str(store.path.parent) if store.path else None,
        monitor="val/span_f1/strict",
    )
    study.settle(facts)
    return study


@pytest.fixture
def space() -> dict[str, BaseDistribution]:
    """Return the search space of that study."""
    return SPACE


GONE = ProcessName(this_machine(), 1, "before")
RANDOM = {"name": "random", "_target_": "optuna.samplers.RandomSampler"}


@pytest.fixture
def recorded(shared: SharedStudy, space: dict[str, BaseDistribution]) -> SharedStudy:
    """Return the study with trials 0 and 1 complete, 2 pruned, 3 failed and 4 interrupted."""
    claims = Claims(
        shared,
        runner=GONE,
        space=space,
        sampler=lambda number: build_sampler(RANDOM, seed=0, number=number, grid={}),
        n_trials=5,
        retries=0,
        lost_after_seconds=60,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "is_lost", lambda trial: False)  # or each trial would count as one of a process that is gone
        found = [claims.next() for _ in range(5)]
    for claim, values in zip(found[:3], ([0.4, 0.6], [0.5, 0.8], [0.3]), strict=True):
        assert claim is not None
        trial = shared.trials()[claim.number]
        shared.note(trial, **{FOLDER: f"/multiruns/mine/{claim.number}"})
        for epoch, value in enumerate(values, start=1):
            shared.storage.set_trial_intermediate_value(trial._trial_id, epoch, value)
        if len(values) == 2:
            shared.study.tell(claim.number, values[-1])
        else:
            shared.study.tell(claim.number, state=TrialState.PRUNED)
    assert found[3] is not None
    claims.failed(found[3], "Traceback (most recent call last):\n  File …\nRuntimeError: out of paper")
    assert shared.store.path
    note(shared.store.path.parent, store=shared.store, study=shared.name)
    return shared


TINY = (
    *("data.reader.n_train=12", "data.reader.n_val=4", "data.reader.n_test=4", "embedding=[words]", "encoder.width=4"),
    *("callbacks=none", "calibrate=false", "test=false", "n_examples=0", "trainer.max_epochs=1", "logger=none"),
)

BREAKING = '''
import os
import signal
from pathlib import Path

import pytorch_lightning as pl


class Breaking(pl.Callback):
    """Records every run that begins, and breaks the runs of some seeds, each in a different way."""

    def __init__(self, seed: int, root: str) -> None:
        self.seed = seed
        self.root = root

    def on_train_start(self, trainer, pl_module):
        with (Path(self.root) / "begun").open("a") as file:
            file.write(f"{self.seed}\\n")
        if self.seed == 3:
            raise RuntimeError("planned")
        if self.seed == 8:
            os._exit(7)
        if self.seed == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.seed == 11:
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.seed == 14:
            raise MemoryError("planned")
'''
BROKEN = {
    3: "RuntimeError: planned",
    8: "exited with status 7",
    13: "killed by SIGKILL",
    11: "killed by SIGSEGV",
    14: "MemoryError: planned",
}


PATIENCE = 1800
"""Seconds after which a sweep counts as stuck, even on a busy machine."""


def _hear_interrupts() -> None:
    """Restore the default handling of SIGINT: a shell's background jobs ignore it, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Sweeping:
    """Runs sweeps in a folder of their own."""

    broken = BROKEN
    """Seed of a trial that breaks -> its recorded failure."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "breaking.py").write_text(BREAKING, encoding="utf-8")

    def command(self, *words: str, study: str) -> list[str]:
        """Return the command of a sweep."""
        own = ["callbacks=none", "+callbacks.breaking._target_=breaking.Breaking", "+callbacks.breaking.seed=${seed}"]
        own += [f"+callbacks.breaking.root={self.folder}", f"hydra.sweeper.study_name={study}"]
        return [sys.executable, "-m", "seqlab", "train", "-m", *TINY, *own, *words]

    def start(self, command: Sequence[str], *, log: str = "log") -> subprocess.Popen[bytes]:
        """Start a sweep in its own process group."""
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=file,
                stderr=file,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                start_new_session=True,
                preexec_fn=_hear_interrupts,
            )

    def finish(self, command: Sequence[str], *, log: str = "log") -> None:
        """Run a sweep to its end."""
        process = self.start(command, log=log)
        assert process.wait(timeout=PATIENCE) == 0, self.log_text(log)

    def kill_after(self, command: Sequence[str], *, n_more: int, study: str, seconds: float) -> None:
        """Start a sweep, and kill its parent process `seconds` after `n_more` trials have ended."""
        n_before = self.n_ended(study)
        process = self.start(command)
        began = time.monotonic()
        while self.n_ended(study) < n_before + n_more:
            assert process.poll() is None, self.log_text("log")
            assert time.monotonic() - began < PATIENCE, self.log_text("log")
            time.sleep(0.05)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def n_ended(self, study: str) -> int:
        """Return the number of ended trials in the log."""
        return sum(line.startswith("[") for line in self.log_text("log").splitlines())

    def log_text(self, log: str) -> str:
        """Return the text of a log."""
        path = self.folder / log
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def plain(self, *words: str, tiny: bool = True) -> list[str]:
        """Return the command of a plain Hydra sweep, without a study."""
        return [sys.executable, "-m", "seqlab", "train", "-m", *(TINY if tiny else ()), *words]

    def _sweep(self, *words: str) -> str:
        """Run `seqlab sweep` and return its output."""
        command = [sys.executable, "-m", "seqlab", "sweep", *words]
        return subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, text=True, check=True).stdout

    def retry(self, study: str) -> None:
        """Queue the failed trials again."""
        self._sweep("retry", study)

    def best(self, study: str) -> str:
        """Return the output of `seqlab sweep best`."""
        return self._sweep("best", study)

    def exported(self, *study: str) -> dict[str, Any]:
        """Return the export of a study."""
        content: dict[str, Any] = json.loads(self._sweep("export", *study))
        return content

    def begun(self) -> list[int]:
        """Return the seeds of the runs that started training, in order."""
        path = self.folder / "begun"
        return [int(line) for line in path.read_text(encoding="utf-8").split()] if path.exists() else []


@pytest.fixture
def sweeping(tmp_path: Path) -> Sweeping:
    """Return a `Sweeping` for the folder of the test."""
    return Sweeping(tmp_path)
