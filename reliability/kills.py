"""Killed and terminated runs: each is resumed from its folder, and ends with the weights of the unbroken run, bit by bit."""

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from results import Result, forked

SIZES = (
    "data.reader.n_train=300", "data.reader.n_val=30", "data.reader.n_test=30", "embedding=[words]", "encoder.width=8",
    "trainer=cpu", "n_threads=1", "n_examples=0", "trainer.max_epochs=6", "max_tokens=200",
)  # fmt: skip
VARIANTS = {
    "plain": (),
    "averaged weights": ("callbacks=[default,ema]",),
    "warm-up and cosine": ("scheduler=warmup_cosine",),
    "plateau": ("scheduler=plateau", "scheduler.factory.patience=0"),
    "accumulation": ("trainer.accumulate_grad_batches=3",),
    "temporary files elsewhere": (),
}
N_SECONDS = 120
"""Longest run; without interruption, one takes seconds."""


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Kill runs of each variant at random moments, and send them SIGTERM, SIGINT and SIGHUP."""
    import seqlab.training.train  # noqa: F401 (imported once, and not in each of the forks)

    torch.set_num_threads(1)  # a fork has no other threads
    random_ = random.Random(seed)
    variants, n_kills, n_signals = (list(VARIANTS)[::2], 3, 3) if is_short else (list(VARIANTS), 54, 21)
    unbroken = {name: _unbroken(folder / f"unbroken_{name}", name) for name in variants}
    for said, signals, n_tried in (
        ("kill -9", [signal.SIGKILL], n_kills),
        ("TERM, INT, HUP", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], n_signals),
    ):
        faults, n_resumed = [], 0
        for number in range(n_tried):
            # each round of the variants begins with the next signal, so that each variant meets each signal
            name = variants[number % len(variants)]
            one = signals[(number + number // len(variants)) % len(signals)]
            weights, seconds = unbroken[name]
            after = random_.uniform(0.0, seconds)
            fault, was_running = _killed_and_resumed(folder / "run", name, one, after, weights)
            n_resumed += was_running
            faults += [f"{name}, {one.name} after {after:.2f} s of training: {fault}"] if fault else []
            shutil.rmtree(folder / "run", ignore_errors=True)
        yield Result(said, n_tried, faults, f"{n_resumed} were training, and were resumed")


def _unbroken(run: Path, name: str) -> tuple[bytes, float]:
    """Train without interruption, and return the weights and the seconds of training."""
    process = _started(run, name)
    began = _wait_for_start(run, process)
    if status := _status(process):
        raise RuntimeError(f"{name}: the unbroken run ended with {status}: {(run / 'log').read_text()[-2000:]}")
    return _weights(run), time.monotonic() - began


def _killed_and_resumed(run: Path, name: str, number: signal.Signals, after: float, weights: bytes) -> tuple[str, bool]:
    """Return what is wrong, or nothing, and whether the run was still training."""
    process = _started(run, name)
    _wait_for_start(run, process)
    time.sleep(after)
    os.kill(process, number)
    status = _status(process)
    is_ended = (run / "metrics.json").is_file()
    if is_ended and status in (0, -number, 128 + number):
        return "" if _weights(run) == weights else "other weights", False
    expected = {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130}.get(number, 143)
    if status != expected:
        return f"exit status {status}; expected {expected}: {(run / 'log').read_text()[-300:]}", True
    if _status(_command(["resume", str(run)], run, name)):
        return f"not resumed: {(run / 'log').read_text().strip()[-300:]}", True
    return "" if _weights(run) == weights else "other weights", True


def _started(run: Path, name: str) -> int:
    run.mkdir(parents=True)
    return _command(["train", *SIZES, *VARIANTS[name], f"hydra.run.dir={run}"], run, name)


def _command(words: list[str], run: Path, name: str) -> int:
    """Start a command of seqlab in a process of its own, whose output goes to a file `log`, and return its id."""
    elsewhere = "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()
    environment = {"TMPDIR": elsewhere} if name == "temporary files elsewhere" else {}
    return forked(words, log=run / "log", environment=environment)


def _status(process: int) -> int:
    """Wait for a process, and return its exit status, or minus the signal that ended it."""
    ends = time.monotonic() + N_SECONDS
    while not (found := os.waitpid(process, os.WNOHANG))[0]:
        if time.monotonic() > ends:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(found[1])


def _wait_for_start(run: Path, process: int) -> float:
    """Wait until the run has locked its data, and return the time."""
    while not (run / "lock.json").is_file() and not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.005)
    return time.monotonic()


def _weights(run: Path) -> bytes:
    return (run / "model" / "weights.safetensors").read_bytes()
