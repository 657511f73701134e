"""The memory of `seqlab predict` over a large text: what it has taken after a tenth is all that it takes."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from results import Result, small_run

N_BYTES_LONG, N_BYTES_SHORT = 200 * 10**6, 10 * 10**6
ALLOWED_MIB = 20


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Label a text through a pipe, and read the memory of the process meanwhile."""
    run, n_bytes = small_run(folder / "run"), N_BYTES_SHORT if is_short else N_BYTES_LONG
    words = [sys.executable, "-m", "seqlab", "predict", str(run), "-", "--format", "text"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    seen: list[float] = []
    block = b"".join(b"Ada number %d met Bob in Kiel .\n" % (number * 7919 % 10_007 + seed) for number in range(20_000))
    watch = threading.Event()
    thread = threading.Thread(target=_watch, args=(process.pid, watch, seen))
    n_written, marks = 0, []
    thread.start()
    while n_written < n_bytes:
        process.stdin.write(block)
        n_written += len(block)
        marks.append(len(seen))
    process.stdin.close()
    status = process.wait()
    watch.set()
    thread.join()
    early, late = max(seen[: marks[len(marks) // 10] + 1]), max(seen)
    growth = late - early
    faults = [f"exit status {status}"] if status else []
    faults += [f"{growth:.1f} MiB more after the first tenth"] if growth > ALLOWED_MIB else []
    note = f"{n_written / 1e6:.0f} MB of text, {early:.0f} MiB after a tenth, {late:.0f} MiB at the end"
    yield Result("memory of predict", 1, faults, note)


def _watch(pid: int, stop: threading.Event, seen: list[float]) -> None:
    """Append the memory of a process in MiB, ten times a second."""
    path = Path(f"/proc/{pid}/status")
    while not stop.wait(0.1):
        try:
            line = next(line for line in path.read_text().splitlines() if line.startswith("VmRSS"))
        except (OSError, StopIteration):
            return
        seen.append(int(line.split()[1]) / 1024)
