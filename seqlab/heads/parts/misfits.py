"""Report the records that a head cannot label correctly, whatever it learns, before training starts."""

import logging

from seqlab.errors import DataError

log = logging.getLogger(__name__)


def report_misfits(
    n_misfits: int, n_all: int, reason: str, remedy: str, *, path: str, split: str, is_taught: bool, unit: str = "records"
) -> None:
    """Warn that `n_misfits` of the `n_all` records of a `split` do not fit the head at `path` in the config.

    Args:
        n_misfits: Number of records that do not fit; with 0, nothing is reported.
        n_all: Number of all records.
        reason: Why they do not fit, as in `have a span of more than 8 steps`.
        remedy: The option to set.
        path: Path of the head in the config.
        split: Name of the split.
        is_taught: Whether the head learns from these records.
        unit: Name of the units that are counted.

    Raises:
        DataError: the head learns from these records, and none of them fits.
    """
    if is_taught and n_misfits == n_all > 0:
        raise DataError(f"{path}: nothing can be learned, for all {n_all:,} {unit} of {split} {reason}; {remedy}")
    if n_misfits:
        fate = "are left out of the loss" if is_taught else "cannot be labelled right"
        counted = f"{n_misfits:,} of {n_all:,} {unit} of {split}"
        log.warning("%s: %s %s and %s; %s", path, counted, reason, fate, remedy)
