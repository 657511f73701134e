"""What is written beside Optuna's own record of a study and of its trials."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from seqlab_sweep.processes import ProcessName

OWNER = "owner"
"""Of a trial: who runs it. A token that is drawn anew with every claim, the sweep, and the process of the trial."""
ATTEMPTS = "attempts"
FIRST = "first"
"""Of a trial: the first attempt since the last that failed, 1 where none did; those from it on go on from one another."""
FAILURE = "failure"
FAILURES = "failures"
"""Why a trial failed, and why earlier attempts at it did."""
FOLDER = "folder"
SPENT = "spent"
"""Of a trial: the seconds for which it has run, over all attempts that went on from one another."""
MEASURES = "measures"
"""Of a trial: numbers of its model, `n_parameters` among them."""
RETRY_OF = "retry_of"
"""Of a trial that `seqlab sweep retry` queued: the number of the one that failed."""
HEARTBEAT = "heartbeat "
"""Of a study: begins the name of a counter that each sweep raises while it runs."""


@dataclass(frozen=True)
class StudyFacts:
    """What a study says of itself."""

    space: dict[str, Any] | None = None
    objectives: list[dict[str, str]] | None = None
    overrides: list[str] | None = None
    words: list[str] | None = None
    """What the command of every trial has in common: those overrides, Hydra's own and flags."""
    sampler: str | None = None
    pruner: str | None = None
    n_trials: int | None = None
    folder: str | None = None
    monitor: str | None = None

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> "StudyFacts":
        """Return the facts among the attributes of a study."""
        return cls(**{field.name: attributes.get(field.name) for field in fields(cls)})


@dataclass(frozen=True)
class Owner:
    """Who runs a trial."""

    token: str
    runner: ProcessName
    process: ProcessName | None = None
    """Its process; None before that has said so."""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> "Owner | None":
        """Return the owner among the attributes of a trial; None where nobody said so before it was lost."""
        found = attributes.get(OWNER)
        if found is None:
            return None
        process = found["process"]
        return cls(found["token"], ProcessName(**found["runner"]), ProcessName(**process) if process else None)
