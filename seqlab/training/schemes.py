"""The span scheme of training tags: detected, or compared with the given one."""

import logging

from seqlab.data.columns import Columns
from seqlab.data.schemes import Scheme, detect_scheme, get_scheme
from seqlab.data.violations import broken_rows, describe_breaks
from seqlab.errors import ConfigError

log = logging.getLogger(__name__)


def detected_scheme(columns: Columns, column: str, *, path: str, is_partial: bool) -> str | None:
    """Return the span scheme of the tags of a data set; None if they encode no spans."""
    if is_partial:
        raise ConfigError(f"{path}.scheme is auto, but tags are annotated in part; set {path}.scheme to theirs, or to null")
    detection = detect_scheme(columns.lists(column))
    if not detection.is_mostly_spans:
        if detection.note:
            log.warning("%s.scheme: %s", path, detection.describe())
        return None
    if detection.name is None:
        what = f"{path}.scheme is auto, but: {detection.describe()}"
        if detection.candidates:
            raise ConfigError(f"{what} Set {path}.scheme to one of {', '.join(detection.candidates)}")
        what += f" {_breaks(columns, column, get_scheme(detection.nearest))}."
        if not detection.is_spans:
            raise ConfigError(f"{what} Correct such tags, or set {path}.scheme=null to read all as plain tags")
        choices = ", ".join(sorted(detection.violations, key=detection.violations.__getitem__))
        raise ConfigError(f"{what} Set {path}.scheme to one of {choices}, to read such tags leniently")
    log.info("%s.scheme: %s", path, detection.describe())
    return detection.name


def check_scheme(columns: Columns, column: str, scheme: Scheme, *, path: str) -> None:
    """Raise ConfigError if the tags break `scheme` and fit another scheme much better."""
    if not len(broken_rows(columns.strings(column), scheme)):
        return
    detection = detect_scheme(columns.lists(column))
    fitting = detection.nearest
    if not detection.is_mostly_spans or detection.violations[fitting] > detection.violations[scheme.name] / 10:
        return  # the field reads them leniently, with a warning
    what = f"{path}.scheme is {scheme.name}, but {_breaks(columns, column, scheme)}; the tags are {fitting}"
    convert = f"{path}.reader.scheme={fitting} {path}.reader.target_scheme={scheme.name}"
    change = f"set {path}.scheme={fitting}, or {convert} to convert them; {path}.reader.repair=true reads them leniently"
    raise ConfigError(f"{what}: {change}")


def _breaks(columns: Columns, column: str, scheme: Scheme) -> str:
    return describe_breaks(columns, column, broken_rows(columns.strings(column), scheme), scheme=scheme)
