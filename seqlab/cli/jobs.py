"""Jobs of `seqlab train`: which one of a sweep failed, and a mistake in one line where Hydra would add its own."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any, TextIO, cast, final

from seqlab.errors import ConfigError, SeqlabError

HYDRAS_LINE = "Error executing job with overrides: "


@final
class Jobs:
    """The jobs of one command with the overrides `words`; those of a sweep that fail are told as they do, and counted."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._failed: list[int] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Name the job, where it is one of a sweep, in the error of a mistake that it meets."""
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        from seqlab.config.mistakes import HYDRA_ERRORS, explain

        hydra = HydraConfig.get()
        try:
            yield
        except (SeqlabError, *HYDRA_ERRORS) as error:
            if hydra.mode != RunMode.MULTIRUN:
                raise
            given = {word.lower() for word in self._words}  # Hydra spells true as True
            own = [word for word in hydra.overrides.task if word.lower() not in given]
            mistake = error if isinstance(error, SeqlabError) else explain(error, list(hydra.overrides.task))
            told = type(mistake)(f"job {hydra.job.num} ({' '.join(own)}): {mistake}")
            print(f"error: {told}", file=sys.stderr)
            self._failed.append(hydra.job.num)
            raise told from error

    @contextmanager
    def of_hydra(self) -> Iterator[None]:
        """Leave out Hydra's line about a failed job; after a sweep with such, raise how many there were.

        Raises: ConfigError where jobs failed in this process, which told of each; else whatever the jobs raised.
        """
        try:
            with redirect_stderr(cast(TextIO, _WithoutHydrasLine(sys.stderr))):
                yield
        except SeqlabError as error:
            if not self._failed:
                raise
            numbers = ", ".join(map(str, self._failed))
            raise ConfigError(f"of the sweep, {len(self._failed)} jobs failed ({numbers}), for the reasons above") from error


@contextmanager
def processes_of(program: str) -> Iterator[None]:
    """While a job runs, let `sys.argv` be what starts it once more: so `trainer=ddp` starts its other processes.

    Those say nothing but what went wrong: the first one tells the rest.
    """
    from hydra.core.hydra_config import HydraConfig

    before = sys.argv
    sys.argv = [program, "train", *HydraConfig.get().overrides.task]
    if not is_first_process():
        logging.getLogger().setLevel(logging.ERROR)
    try:
        yield
    finally:
        sys.argv = before


def is_first_process() -> bool:
    """Return whether this is the first of the processes that train together, or the only one."""
    from pytorch_lightning.utilities import rank_zero_only

    # Lightning, asked before its trainer is there, takes the first process of each node for the first of all.
    is_first: bool = rank_zero_only.rank == 0  # type: ignore[attr-defined]  # (Lightning sets it on the function)
    return is_first and os.environ.get("NODE_RANK", "0") == "0"


@final
class _WithoutHydrasLine:
    """A text stream but for the line that Hydra writes before it hands on the error of a job."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith(HYDRAS_LINE) else int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
