"""Records that a head cannot label right, whatever it learns: told with their number before anything runs."""

import logging
from dataclasses import dataclass
from typing import final

from seqlab.errors import DataError

log = logging.getLogger(__name__)


@final
@dataclass(frozen=True)
class Misfits:
    """How many records of a `split`, or what else a head labels, do not fit it, of all that it could score."""

    path: str
    """Where the head stands in the config."""
    split: str
    n_misfits: int
    n_all: int
    reason: str
    """What such records have, as in `have a span of more than 8 steps`."""
    remedy: str
    """What to set."""
    unit: str = "records"
    """What is counted."""

    def tell(self, *, is_taught: bool) -> None:
        """Warn of them.

        Raises: DataError where the head `is_taught` by these and none of them fits.
        """
        if not self.n_misfits:
            return
        if is_taught and self.n_misfits == self.n_all:
            raise DataError(
                f"{self.path}: nothing can be learned, for all {self.n_all:,} {self.unit} of {self.split} {self.reason};"
                f" {self.remedy}"
            )
        fate = "are left out of the loss" if is_taught else "cannot be labelled right"
        counted = f"{self.n_misfits:,} of {self.n_all:,} {self.unit} of {self.split}"
        log.warning("%s: %s %s and %s; %s", self.path, counted, self.reason, fate, self.remedy)
