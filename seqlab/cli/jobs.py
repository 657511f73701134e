"""Jobs of `seqlab train`: names the jobs of a sweep that fail, and keeps Hydra's own line about failures out."""

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
    """The jobs of a command with the overrides `words`; prints the error of each job of a sweep that fails, and counts them."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._failed: list[int] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run a job; if it is one of a sweep and fails, print the error with its number and overrides."""
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        from seqlab.config.mistakes import HYDRA_ERRORS, explain

        hydra = HydraConfig.get()
        try:
            yield
        except (SeqlabError, *HYDRA_ERRORS) as error:
            # The error of a single run is printed where it ends, in `main`.
            if hydra.mode != RunMode.MULTIRUN:
                raise
            given = {word.lower() for word in self._words}  # Hydra writes true as True
            own = [word for word in hydra.overrides.task if word.lower() not in given]
            mistake = error if isinstance(error, SeqlabError) else explain(error, list(hydra.overrides.task))
            named = type(mistake)(f"job {hydra.job.num} ({' '.join(own)}): {mistake}")
            print(f"error: {named}", file=sys.stderr)
            self._failed.append(hydra.job.num)
            # Raised again, so that Hydra counts the job as failed.
            raise named from error

    @contextmanager
    def of_hydra(self) -> Iterator[None]:
        """Suppress Hydra's line about a failed job.

        Raises: ConfigError with the number of failed jobs after a sweep that printed each error; else what the job raised.
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
    """While a job runs, set `sys.argv` to its command: with that, Lightning starts the other processes of `trainer=ddp`.

    Those processes log errors only.
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

    # Lightning sets the rank on the function; before there is a trainer, it is that within a node.
    is_first: bool = getattr(rank_zero_only, "rank", 0) == 0
    return is_first and os.environ.get("NODE_RANK", "0") == "0"


@final
class _WithoutHydrasLine:
    """A text stream without the line that Hydra writes before it raises the error of a job."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith(HYDRAS_LINE) else int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
