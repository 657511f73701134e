"""Read the training records again, to tell seen from unseen words and spans."""

from collections.abc import Sequence

from datasets import Dataset

from seqlab.config.build import known_targets
from seqlab.config.user_classes import allowed
from seqlab.data.columns import Columns
from seqlab.data.folds import Fold
from seqlab.data.multitask.data_sets import renamed, set_configs, set_path
from seqlab.data.splits import read_splits
from seqlab.errors import SeqlabError
from seqlab.heads import Head
from seqlab.heads.parts.span_views import GoldSpans
from seqlab.model.bundle import Bundle
from seqlab.report.analysis.familiarity import Training
from seqlab.runs.run import FinishedRun


def training_records(run: FinishedRun, data_set: str, *, allow: Sequence[str]) -> Dataset | str:
    """Return the current training records of a data set, or a message if they cannot be read."""
    config = set_configs(run.config["data"])[data_set]
    wanted = {split: file for split, file in config["splits"].items() if split != "test"}
    targets = known_targets(("data",)) | allowed(allow)
    path = set_path(data_set)
    try:
        fold, seed = Fold.from_settings(run.config.get("fold")), run.config["seed"]
        splits = read_splits({**config, "splits": wanted}, targets=targets, seed=seed, path=path, fold=fold)
        return renamed(splits["train"], config.get("columns") or {}, path=path)
    except (SeqlabError, OSError, KeyError, ValueError) as error:
        return " ".join(str(error).split())


def training_of(head: Head, records: Dataset, *, bundle: Bundle) -> Training | None:
    """Return the words and labelled spans of the training records; None if the records have no words."""
    columns = Columns(records)
    if "tokens" not in columns:
        return None
    training = Training()
    rows = _labelled(head, columns, keeps_steps=bundle.labeler.encoder.keeps_steps)
    for tokens, spans in zip(columns.lists("tokens"), rows, strict=True):
        training.add(tokens, spans)
    return training


def _labelled(head: Head, columns: Columns, *, keeps_steps: bool) -> list[GoldSpans]:
    """Return the labelled spans of each record; empty for heads without spans, and for trees."""
    empty: list[GoldSpans] = [[]] * len(columns)
    if head.target.column not in columns or not keeps_steps:
        return empty
    if head.spans is not None:
        return [spans or [] for spans in head.spans.gold(columns)]
    if head.is_per_step:
        return [[((i, i + 1), tag) for i, tag in enumerate(tags)] for tags in head.gold(columns)]
    return empty
