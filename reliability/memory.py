"""The memory of `seqlab predict` over a large text: what it has taken after a tenth is all that it takes."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from results import Result, small_run

N_BYTES_LONG, N_BYTES_SHORT = 200 * 10**6, 1_500_000
ALLOWED_MIB = {False: 20, True: 40}
"""Of the long and the short form: a short text has not yet shown all lengths of records."""
SHARE = {False: 0.1, True: 0.5}
"""What is read until memory must be level."""
N_BLOCK_LINES = 100


def attack(folder: Path, *, is_short: bool, seed: int) -> Iterator[Result]:
    """Label a text through a pipe, and read the memory of the process meanwhile.

    The encoder is an LSTM, as its kernels are compiled for each shape of a batch.
    """
    run = small_run(folder / "run", "embedding=[words]", "head=[softmax]")
    n_bytes, text = N_BYTES_SHORT if is_short else N_BYTES_LONG, _text(random.Random(seed))
    words = [sys.executable, "-m", "seqlab", "predict", str(run), "-", "--format", "text"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    seen: list[tuple[int, float]] = []
    n_written, began = 0, time.monotonic()
    try:
        while n_written < n_bytes:
            block = next(text)
            process.stdin.write(block)
            n_written += len(block)
            seen.append((n_written, _mib(process.pid)))
        process.stdin.close()
        status = f"exit status {found}" if (found := process.wait()) else ""
    except OSError:  # the process has ended before its input
        status = f"exit status {process.wait()} after {n_written} bytes"
    early = max((mib for position, mib in seen if position <= n_bytes * SHARE[is_short]), default=0)
    late = max((mib for _, mib in seen), default=0)
    is_grown = late - early > ALLOWED_MIB[is_short]
    faults = [
        *filter(None, [status]),
        *([f"{late - early:.1f} MiB more after {SHARE[is_short]:.0%} of the text"] if is_grown else []),
    ]
    speed = n_written / (time.monotonic() - began)
    note = f"{n_written / 1e6:.0f} MB, {speed:,.0f} bytes/s; {early:.0f} MiB at {SHARE[is_short]:.0%}, {late:.0f} MiB at most"
    yield Result("memory of predict", 1, faults, note)


def _text(random_: random.Random) -> Iterator[bytes]:
    """Yield lines of 1 to 60 words without end; about one word in ten occurs never again, as in real texts."""
    letters = "etaoinshrdlucmfwypvbgkqjxzäöüßéøłж"
    usual = ["".join(random_.choices(letters, k=random_.randint(3, 20))) for _ in range(20_000)]
    n_lines = 0
    while True:
        lines = []
        for _ in range(N_BLOCK_LINES):
            n_lines += 1
            words = random_.choices(usual, k=random_.randint(1, 60))
            for place in range(random_.randrange(10), len(words), 10):
                words[place] += f"{n_lines:x}{place}"
            lines.append(" ".join(words) + f" {chr(0x4E00 + n_lines % 20_000)} .\n")
        yield "".join(lines).encode()


def _mib(pid: int) -> float:
    """Return the memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
