"""Report the records that a head cannot label right, whatever it learns, before training starts."""

import logging
from dataclasses import dataclass
from typing import final

from seqlab.errors import DataError

log = logging.getLogger(__name__)


@final
@dataclass(frozen=True)
class Misfits:
    """The number of records of a `split`, or of other units, that do not fit the head."""

    path: str
    """Path of the head in the config."""
    split: str
    n_misfits: int
    n_all: int
    reason: str
    """Why they do not fit, as in `have a span of more than 8 steps`."""
    remedy: str
    """The option to set."""
    unit: str = "records"
    """Name of the units counted."""

    def report(self, *, is_taught: bool) -> None:
        """Warn of them.

        Raises: DataError where the head `is_taught` by these, and none of them fits.
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
