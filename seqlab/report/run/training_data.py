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
from seqlab.report.analysis.familiarity import Training
from seqlab.runs.run import FinishedRun


def training_records(run: FinishedRun, data_set: str, *, allow: Sequence[str]) -> Dataset | str:
    """Return the current training records of a data set, or a message if they cannot be read."""
    config = set_configs(run.config["data"])[data_set]
    # Test records are not needed, and may be kept elsewhere.
    wanted = {split: file for split, file in config["splits"].items() if split != "test"}
    targets = known_targets(("data",)) | allowed(allow)
    path = set_path(data_set)
    try:
        fold, seed = Fold.from_settings(run.config.get("fold")), run.config["seed"]
        splits = read_splits({**config, "splits": wanted}, targets=targets, seed=seed, path=path, fold=fold)
        return renamed(splits["train"], config.get("columns") or {}, path=path)
    # A report on a moved or older run is still useful without this section.
    except (SeqlabError, OSError, KeyError, ValueError) as error:
        return " ".join(str(error).split())


def training_of(head: Head, records: Dataset | str, *, keeps_steps: bool) -> Training | str:
    """Return the words and labelled spans of the training records, or a message if there are none."""
    if isinstance(records, str):
        return f"The training records could not be read again: {records}"
    columns = Columns(records)
    if "tokens" not in columns:
        return "The records have no words."
    training = Training()
    # The labels of trees belong to their nodes, which the tokens do not show.
    spans = _labelled(head, columns) if keeps_steps else [[]] * len(columns)
    for tokens, of_record in zip(columns.lists("tokens"), spans, strict=True):
        training.add(tokens, of_record)
    return training


def _labelled(head: Head, columns: Columns) -> Sequence[GoldSpans]:
    """Return the labelled spans of each record; empty for heads without spans."""
    if head.target.column in columns and head.spans is not None:
        return [spans or [] for spans in head.spans.gold(columns)]
    if head.target.column in columns and head.is_per_step:
        return [[((i, i + 1), tag) for i, tag in enumerate(tags)] for tags in head.gold(columns)]
    return [[]] * len(columns)
