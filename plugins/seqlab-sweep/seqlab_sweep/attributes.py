"""User attributes that a sweep stores with an Optuna study and its trials."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from seqlab_sweep.processes import ProcessName

OWNER = "owner"
"""Trial: its current owner, as an `Owner`."""
ATTEMPTS = "attempts"
"""Trial: the number of attempts so far."""
FIRST = "first"
"""Trial: the attempt that started from scratch (1, or the one after the last failure). Later attempts resume each other."""
FAILURE = "failure"
"""Trial: why it failed."""
FAILURES = "failures"
"""Trial: why earlier attempts failed, one text each."""
FOLDER = "folder"
"""Trial: the path of its run folder."""
SPENT = "spent"
"""Trial: its running time in seconds, summed over attempts that resumed each other."""
MEASURES = "measures"
"""Trial: measurements of its model, such as `n_parameters`."""
RETRY_OF = "retry_of"
"""Trial queued by `seqlab sweep retry`: the number of the failed trial that it repeats."""
HEARTBEAT = "heartbeat "
"""Study: prefix of the counters that the sweeps working on it increment."""


@dataclass(frozen=True)
class StudyFacts:
    """The attributes of a study that describe the search."""

    space: dict[str, Any] | None = None
    objectives: list[dict[str, str]] | None = None
    overrides: list[str] | None = None
    words: list[str] | None = None
    """Command-line words that all trials share: `overrides`, Hydra's own settings and flags."""
    sampler: str | None = None
    pruner: str | None = None
    n_trials: int | None = None
    folder: str | None = None
    monitor: str | None = None

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> "StudyFacts":
        """Read the facts from the attributes of a study."""
        return cls(**{field.name: attributes.get(field.name) for field in fields(cls)})


@dataclass(frozen=True)
class Owner:
    """The sweep and the process that run a trial."""

    token: str
    """Identifies the claim; every claim draws a new one."""
    runner: ProcessName
    """The process of the sweep."""
    process: ProcessName | None = None
    """The process of the trial; None until that process has registered itself."""

    def as_json(self) -> dict[str, Any]:
        """Return the owner as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> "Owner | None":
        """Read the owner from the attributes of a trial; None if its sweep died before registering."""
        owner = attributes.get(OWNER)
        if owner is None:
            return None
        process = owner["process"]
        return cls(owner["token"], ProcessName(**owner["runner"]), ProcessName(**process) if process else None)
