"""Which process is meant, and whether it still lives: a number alone may belong to another by now, or to another machine."""

import os
import platform
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_STARTED = 19
"""Place of the start time among the fields of /proc/<pid>/stat that follow the name (field 22 of proc(5))."""


@dataclass(frozen=True)
class ProcessName:
    """A process of some machine."""

    machine: str
    pid: int
    started: str
    """When it started, as its machine says it; a later process of its number differs. Empty where the machine is silent."""

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, of this machine."""
        return self.machine == this_machine()

    def is_alive(self) -> bool:
        """Return whether it runs; only for processes of this machine."""
        assert self.is_here
        if not _exists(self.pid):
            return False
        state, started = _status(self.pid)
        return state != "Z" and started == self.started


def named(pid: int) -> ProcessName:
    """Return the name of a process of this machine."""
    return ProcessName(this_machine(), pid, _status(pid)[1])


@cache
def this_machine() -> str:
    """Return what tells this machine from others, and from itself before it was started anew; a container is one of its own."""
    parts = [platform.node()]
    boot = Path("/proc/sys/kernel/random/boot_id")
    if boot.exists():
        parts.append(boot.read_text(encoding="ascii").strip())
    namespace = Path("/proc/self/ns/pid")
    if namespace.is_symlink():
        parts.append(str(namespace.readlink()))
    return " ".join(parts)


def end(process: ProcessName) -> None:
    """Kill a process of this machine, and wait until it is gone."""
    while process.is_alive():
        try:
            os.kill(process.pid, 9)
        except ProcessLookupError:
            return
        time.sleep(0.02)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _status(pid: int) -> tuple[str, str]:
    """Return the state and the start time of a process, each empty where there is no telling."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[_STARTED]
