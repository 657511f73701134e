"""Killed and terminated runs: each is resumed from its folder, and ends with the weights of the unbroken run, bit by bit."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from results import Result

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


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Kill runs of each variant at random moments, and send them SIGTERM, SIGINT and SIGHUP."""
    random_ = random.Random(seed)
    n_kills, n_signals = (6, 3) if is_short else (54, 21)
    unbroken = {name: _unbroken(folder / f"unbroken_{name}", name) for name in VARIANTS}
    for said, signals, n_tried in (
        ("kill -9", [signal.SIGKILL], n_kills),
        ("TERM, INT, HUP", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], n_signals),
    ):
        faults, resumed = [], 0
        for number in range(n_tried):
            name, one = list(VARIANTS)[number % len(VARIANTS)], signals[number % len(signals)]
            weights, seconds = unbroken[name]
            after = random_.uniform(0.0, seconds)
            fault, was_running = _killed_and_resumed(folder / "run", name, one, after, weights)
            resumed += was_running
            faults += [f"{name}, {one.name} after {after:.2f} s of training: {fault}"] if fault else []
            shutil.rmtree(folder / "run", ignore_errors=True)
        yield Result(said, n_tried, faults, f"{resumed} were training, and were resumed")


def _unbroken(run: Path, name: str) -> tuple[bytes, float]:
    """Train without interruption, and return the weights and the seconds of training."""
    process = _started(run, name)
    began = _wait_for_start(run, process)
    if process.wait():
        raise RuntimeError(f"{name}: {run / 'log'} says why the unbroken run failed")
    return (run / "model" / "weights.safetensors").read_bytes(), time.monotonic() - began


def _killed_and_resumed(run: Path, name: str, number: signal.Signals, after: float, weights: bytes) -> tuple[str, bool]:
    """Return what is wrong, or nothing, and whether the run was still training."""
    process = _started(run, name)
    _wait_for_start(run, process)
    time.sleep(after)
    process.send_signal(number)
    status = process.wait()
    is_ended = (run / "metrics.json").is_file()
    if is_ended and status in (0, -number, 128 + number):
        return "" if (run / "model" / "weights.safetensors").read_bytes() == weights else "other weights", False
    expected = {signal.SIGKILL: -9, signal.SIGINT: 130}.get(number, 143)
    if status != expected:
        return f"exit status {status}; expected {expected}: {(run / 'log').read_text()[-300:]}", True
    done = subprocess.run(
        [sys.executable, "-m", "seqlab", "resume", str(run)],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(name),
    )
    if done.returncode:
        return f"not resumed: {done.stderr.strip()[-300:]}", True
    return "" if (run / "model" / "weights.safetensors").read_bytes() == weights else "other weights", True


def _started(run: Path, name: str) -> subprocess.Popen[bytes]:
    run.mkdir(parents=True)
    words = [sys.executable, "-m", "seqlab", "train", *SIZES, *VARIANTS[name], f"hydra.run.dir={run}"]
    with (run / "log").open("wb") as log:
        return subprocess.Popen(words, stdout=log, stderr=log, env=_environment(name))


def _environment(name: str) -> dict[str, str]:
    elsewhere = "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()
    return {**os.environ, **({"TMPDIR": elsewhere} if name == "temporary files elsewhere" else {})}


def _wait_for_start(run: Path, process: subprocess.Popen[bytes]) -> float:
    """Wait until the run has locked its data, and return the time."""
    while not (run / "lock.json").is_file() and process.poll() is None:
        time.sleep(0.005)
    return time.monotonic()
