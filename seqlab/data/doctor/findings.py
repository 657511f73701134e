"""`Finding`: one thing that the doctor found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

Severity = Literal["error", "warning"]
"""An error makes training wrong or impossible; a warning is for the user to judge."""


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, or odd, at `line` (counted from 1) of `path`; findings of one `kind` are alike."""

    kind: str
    severity: Severity
    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.severity}: {self.message}"
