"""Identify processes and check whether they are alive. A PID is not enough: it may be reused, or be of another machine."""

import os
import platform
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_STARTED = 19
"""Index of the start time among the fields of /proc/<pid>/stat after the process name (field 22 in proc(5))."""


@dataclass(frozen=True)
class ProcessName:
    """Identifies a process on some machine."""

    machine: str
    pid: int
    started: str
    """The start time in the units of its machine, which distinguishes processes with a reused PID; empty without /proc."""

    @property
    def is_here(self) -> bool:
        """Whether the process runs, or ran, on this machine."""
        return self.machine == this_machine()

    def is_alive(self) -> bool:
        """Return whether the process is running; only for processes of this machine."""
        assert self.is_here
        if not _exists(self.pid):
            return False
        state, started = _status(self.pid)
        return state != "Z" and started == self.started  # a zombie keeps its PID until its parent reaps it


def named(pid: int) -> ProcessName:
    """Return the identity of a process of this machine."""
    return ProcessName(this_machine(), pid, _status(pid)[1])


@cache
def this_machine() -> str:
    """Identify this machine since its last boot; every container counts as a machine."""
    parts = [platform.node()]
    boot = Path("/proc/sys/kernel/random/boot_id")
    if boot.exists():
        # The boot too: after a restart of the machine the same PID and start time may come back.
        parts.append(boot.read_text(encoding="ascii").strip())
    namespace = Path("/proc/self/ns/pid")
    if namespace.is_symlink():
        parts.append(str(namespace.readlink()))
    return " ".join(parts)


def end(process: ProcessName) -> None:
    """Kill a process of this machine and wait until it is gone."""
    while process.is_alive():
        try:
            os.kill(process.pid, 9)
        except ProcessLookupError:
            return
        time.sleep(0.02)


def _exists(pid: int) -> bool:
    try:
        # Signal 0 sends nothing and only checks that the process exists.
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs as another user
        return True
    return True


def _status(pid: int) -> tuple[str, str]:
    """Return the state and the start time of a process; both are empty if /proc does not have it."""
    try:
        # The name of the process, in brackets, may hold spaces and brackets itself; the last bracket ends it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[_STARTED]
