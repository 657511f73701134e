"""Repeat a run from its config, lock and environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

from seqlab.errors import ConfigError, DataError
from seqlab.model.bundle_files import WEIGHTS_FILE
from seqlab.runs.lock import Lock, Source
from seqlab.runs.repeated_run import FinishedRepeat
from seqlab.runs.run import FinishedRun
from seqlab.runs.writer import environment
from seqlab.training.recorded import check_allowed, started_as, typed_in
from seqlab.training.reproduce.differences import Difference, metric_differences, setting_differences
from seqlab.training.train import run_once


@final
@dataclass(frozen=True)
class Reproduction:
    """The comparison of the second run with the first."""

    folder: Path
    metrics: Sequence[Difference]
    settings: Sequence[Difference]
    sources: Sequence[str]
    """Data that have changed since the first run, with the change."""
    has_same_weights: bool

    @property
    def is_identical(self) -> bool:
        """Whether all metrics and weights are bit-identical."""
        return not self.metrics and self.has_same_weights


@final
@dataclass(frozen=True)
class Original:
    """The run to reproduce.

    Raises: DataError, from every member, if the folder does not hold one finished run.
    """

    path: Path

    @cached_property
    def run(self) -> FinishedRun:
        """Its config, environment and metrics."""
        if FinishedRepeat.is_at(self.path):
            names = " or ".join(str(self.path / name) for name in FinishedRepeat(self.path).names)
            raise DataError(f"{self.path} is a repeated run; reproduce one of its repetitions: {names}")
        return FinishedRun(self.path.absolute())

    @cached_property
    def lock(self) -> Lock:
        """The data that it read."""
        return Lock.read(self.run.path)

    def changed_data(self) -> list[str]:
        """Return the files that have changed since the run, with the change."""
        return [f"{name} {what}" for name, what in self.lock.changed_files().items()]

    def changed_settings(self) -> list[Difference]:
        """Return the differences in versions and machine; threads are set as in the first run."""
        there = self.run.environment
        return setting_differences(there, {**environment(), "n_threads": there.get("n_threads")})

    def reproduce(self, into: Path, *, allow: Sequence[str]) -> Reproduction:
        """Run it again in the folder `into`.

        Raises: ConfigError if the run needs classes that `allow` does not name, or `into` is not empty.
        """
        check_allowed(self.lock.allow, allow)
        into = into.absolute()
        if into.exists() and any(into.iterdir()):
            raise ConfigError(f"{into} is not empty; choose a new folder for the second run")
        _ = self.run.metrics  # fail before training if they are missing
        with started_as(self.run, self.lock, into=into) as config:
            run_once(config, typed=typed_in(self.run, allow))
            second = FinishedRun(into)
        return Reproduction(
            into,
            metric_differences(self.run.metrics, second.metrics),
            setting_differences(self.run.environment, second.environment),
            _changes(self.lock.sources, Lock.read(into).sources),
            (self.run.model / WEIGHTS_FILE).read_bytes() == (second.model / WEIGHTS_FILE).read_bytes(),
        )


def _changes(there: Sequence[Source], here: Sequence[Source]) -> list[str]:
    now = {source.name: source for source in here}
    found = []
    for source in there:
        other = now.get(source.name)
        if other is None:
            found.append(f"{source.name} was not read")
        elif other.sha256 != source.sha256:
            unit = "bytes" if source.is_file else "records"
            found.append(f"{source.name} has changed: {source.size:,} {unit} then, {other.size:,} now")
    return found + [f"{name} was not read by the first run" for name in now if name not in {one.name for one in there}]
