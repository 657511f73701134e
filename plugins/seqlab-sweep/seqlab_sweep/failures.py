"""Why a trial failed, from how its process ended and what it printed last."""

import signal
from pathlib import Path

_N_LINES = 60
_TRACEBACK = "Traceback (most recent call last)"
_MISTAKE = "error: "


def failure(exit_code: int, log: Path) -> str:
    """Return why: the traceback, or the line that tells a mistake; of a killed process, by what, and its last words."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    if exit_code < 0:
        return "\n".join([_killed(-exit_code), *lines[-_N_LINES:]])
    begins = [i for i, line in enumerate(lines) if line.startswith((_TRACEBACK, _MISTAKE))]
    if not begins:
        return "\n".join([f"its process ended with status {exit_code}", *lines[-_N_LINES:]])
    told = lines[begins[-1] :]
    return "\n".join(told if len(told) <= _N_LINES else [told[0], "  …", *told[-_N_LINES:]])


def headline(text: str) -> str:
    """Return the line of a failure that says most: the first of one that was killed, the last of a traceback."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1].strip() if lines[0].startswith(_TRACEBACK) else lines[0].strip()


def _killed(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"killed by {name}" + (", as the system does when memory runs out" if name == "SIGKILL" else "")
