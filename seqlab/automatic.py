"""Settings that say `auto`: found out from the data and the model, then written into the config as if typed."""

import difflib
import logging

import datasets
from omegaconf import DictConfig

from seqlab.data.schemes import detect_scheme
from seqlab.errors import ConfigError
from seqlab.labeler import Labeler
from seqlab.module import flat_scores

log = logging.getLogger(__name__)

AUTO = "auto"
TAGS = "tags"


def settle_scheme(config: DictConfig, records: datasets.Dataset) -> None:
    """Replace `data.scheme=auto` by the span scheme of the training records' `tags`, null where they spell no spans.

    Raises: ConfigError when the tags fit several schemes or break them all: that is for the user to decide.
    """
    if config.data.scheme != AUTO:
        return
    config.data.scheme = None
    if TAGS not in records.column_names:
        return
    detection = detect_scheme(records[TAGS])
    if not detection.is_spans:
        return
    if detection.name is None:
        choices = ", ".join(detection.candidates or sorted(detection.violations, key=detection.violations.__getitem__))
        raise ConfigError(f"data.scheme is auto, but: {detection.describe()} Set data.scheme to one of {choices}")
    log.info("data.scheme: %s", detection.describe())
    config.data.scheme = detection.name


def settle_monitor(config: DictConfig, labeler: Labeler) -> None:
    """Replace `monitor=auto` by the main metric of the first head on the validation split.

    Raises: ConfigError for a metric that no head gives, before anything is trained.
    """
    level = "{}/" if len(labeler.heads) > 1 else ""
    names = [
        f"val/{level.format(name)}{metric}"
        for name, head in labeler.heads.items()
        for metric in flat_scores(head.score([], []))
    ]
    if config.monitor == AUTO:
        name, head = next(iter(labeler.heads.items()))
        config.monitor = f"val/{level.format(name)}{head.main_metric}"
    known = ["val/loss", "train/loss", *names]
    if config.monitor not in known:
        near = difflib.get_close_matches(config.monitor, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"monitor is {config.monitor!r}, which nothing logs{hint}; there are {', '.join(known)}")
