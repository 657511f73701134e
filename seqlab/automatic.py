"""Settings that say `auto`: found out from the data and the model, then written into the config as if typed."""

import difflib
import logging
from collections.abc import Mapping, Sequence

import datasets
from omegaconf import DictConfig, OmegaConf, open_dict

from seqlab.data.claims import Claims
from seqlab.data.schemes import detect_scheme
from seqlab.data.sets import UNNAMED, score_names, set_configs, set_path
from seqlab.errors import ConfigError
from seqlab.labeler import Labeler
from seqlab.module import MEAN_SCORE, flat_scores

log = logging.getLogger(__name__)

AUTO = "auto"
TAGS = "tags"
PARTIAL = "seqlab.data.fields.PartialTagField"


def settle_schemes(config: DictConfig, sets: Mapping[str, Mapping[str, datasets.Dataset]]) -> None:
    """Replace `scheme=auto` of every data set, and of several together by the one that they agree on, null for none.

    Raises: ConfigError when a head reads tags that fit several schemes, break them all, or are annotated in part: that is for
    the user to decide.
    """
    read = {OmegaConf.select(head, "target.column") for head in config.heads.values()}
    is_partial = any(OmegaConf.select(head, "target._target_") == PARTIAL for head in config.heads.values())
    for name, node in set_configs(config.data).items():
        renames = node.get("columns") or {}
        column = next((new for new, old in renames.items() if old == TAGS), TAGS)
        records = sets[name]["train"]
        _settle_scheme(node, records, column=column if column in read else None, path=set_path(name), is_partial=is_partial)
    if config.data.scheme == AUTO:
        schemes = {node.scheme for node in set_configs(config.data).values() if node.scheme}
        config.data.scheme = next(iter(schemes)) if len(schemes) == 1 else None


def _settle_scheme(data: DictConfig, records: datasets.Dataset, *, column: str | None, path: str, is_partial: bool) -> None:
    """Replace `scheme=auto` by the span scheme of `column`, null where that spells no spans, or no head reads it (None)."""
    if data.scheme != AUTO:
        return
    data.scheme = None
    if column is None or column not in records.column_names:
        return
    if is_partial:
        raise ConfigError(f"{path}.scheme is auto, but tags are annotated in part; set {path}.scheme to theirs, or to null")
    detection = detect_scheme(records[column])
    if not detection.is_spans:
        return
    if detection.name is None:
        choices = ", ".join(detection.candidates or sorted(detection.violations, key=detection.violations.__getitem__))
        raise ConfigError(f"{path}.scheme is auto, but: {detection.describe()} Set {path}.scheme to one of {choices}")
    log.info("%s.scheme: %s", path, detection.describe())
    data.scheme = detection.name


def settle_claims(config: DictConfig, claims: Claims) -> None:
    """Write into the config which heads each named data set serves."""
    with open_dict(config):
        for name, heads in claims.heads.items():
            if name != UNNAMED:
                config.data.sets[name].heads = list(heads)


def settle_monitor(config: DictConfig, labeler: Labeler, claims: Claims) -> None:
    """Replace `monitor=auto` by the main metric of the first head on `val`; of several data sets, by the mean over all.

    Raises: ConfigError for a metric that no head gives, before anything is trained.
    """
    named = {name: head for own in score_names(claims.heads).values() for head, name in own.items()}
    if config.monitor == AUTO:
        name, head = next(iter(named.items()))
        level = f"{name}/" if len(named) > 1 else ""
        main = f"val/{level}{labeler.heads[head].main_metric}"
        config.monitor = main if len(claims.heads) == 1 else MEAN_SCORE
    check_metric(config.monitor, metric_names(labeler, named), said="monitor")


def metric_names(labeler: Labeler, named: Mapping[str, str]) -> list[str]:
    """Return what a run logs of `val`, and its training loss; `named` are the heads by the name of their scores."""
    level = "{}/" if len(named) > 1 else ""
    names = [
        f"val/{level.format(name)}{metric}"
        for name, head in named.items()
        for metric in flat_scores(labeler.heads[head].score([], []))
    ]
    return ["val/loss", "train/loss", *names, *([MEAN_SCORE] if len(named) > 1 else [])]


def check_metric(name: str, known: Sequence[str], *, said: str) -> None:
    """Refuse a metric that is none of those `known`; `said` is what asks for it.

    Raises: ConfigError.
    """
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{said} is {name!r}, which nothing logs{hint}; there are {', '.join(known)}")
