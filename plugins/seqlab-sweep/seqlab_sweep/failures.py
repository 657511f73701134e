"""Explain why a trial failed, from the exit status of its process and the end of its log."""

import signal
from pathlib import Path

_N_LINES = 60
"""Lines of a log that are stored with a failed trial."""
_TRACEBACK = "Traceback (most recent call last)"
_MISTAKE = "error: "


def failure(exit_code: int, log: Path) -> str:
    """Return the reason: the traceback or error line, or the signal or exit status with the end of the log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    if exit_code < 0:
        return "\n".join([_killed(-exit_code), *lines[-_N_LINES:]])
    starts = [i for i, line in enumerate(lines) if line.startswith((_TRACEBACK, _MISTAKE))]
    if not starts:
        return "\n".join([f"process exited with status {exit_code}", *lines[-_N_LINES:]])
    reason = lines[starts[-1] :]  # the last: a chained exception prints its causes first
    return "\n".join(reason if len(reason) <= _N_LINES else [reason[0], "  …", *reason[-_N_LINES:]])


def headline(text: str) -> str:
    """Return the most informative line of a failure: the last one of a traceback, else the first one."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1].strip() if lines[0].startswith(_TRACEBACK) else lines[0].strip()


def _killed(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"killed by {name}" + (", possibly because memory ran out" if name == "SIGKILL" else "")
