"""`Finding`, an error or a warning of the doctor."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

Severity = Literal["error", "warning"]
"""An error makes training wrong or impossible; a warning may be intended."""


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """An error or oddity at `line` (counted from 1) of `path`; `kind` groups similar findings."""

    kind: str
    severity: Severity
    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.severity}: {self.message}"
