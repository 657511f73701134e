"""The end of `seqlab train`: scores, some labelled records, and the files of the run."""

import json
import shlex
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from rich.console import Console

from seqlab.cli.score_tables import print_scores, print_title
from seqlab.inference import Layer, TaggedRecord, Tagger
from seqlab.inference.terminal import TerminalOutput
from seqlab.model.bundle import head_names
from seqlab.training.train import Run
from seqlab.types import Prediction

N_LOOKED_AT = 2000
"""Test records that examples are chosen from."""
MAX_EXAMPLE_TOKENS = 40
"""Longer records are shown only where there are no shorter ones."""


def print_run(result: Run, *, n_examples: int) -> None:
    """Print the scores on `test` (else `val`), `n_examples` labelled test records, the folder and the next commands."""
    console, split = Console(), scored_split(result)
    if split is not None:
        print_scores(result.metrics[split], title=split, console=console, heads=head_names(result.model))
    if split == "test":
        _print_examples(result, n_examples=n_examples, console=console)
    folder, allow = shlex.quote(shortest(result.folder)), allow_flags(result)
    for line in (
        f"\nrun folder  {folder}",
        f"label text  seqlab predict {folder} FILE{allow}",
        f"score data  seqlab evaluate {folder} DATA{allow}",
    ):
        print(line)


def scored_split(result: Run) -> str | None:
    """Return the split whose scores to show: `test` if it was scored, else `val`; None without any scores."""
    return next((name for name in ("test", "val") if result.metrics.get(name)), None)


def allow_flags(result: Run) -> str:
    """Return the flags with which commands load the model, each after a space."""
    return "".join(f" --allow {name}" for name in result.allow)


def _print_examples(result: Run, *, n_examples: int, console: Console) -> None:
    predictions = result.folder / "predictions"
    paths = [path for path in (predictions / "test.jsonl", *sorted(predictions.glob("*/test.jsonl"))) if path.is_file()]
    if not paths or not n_examples:
        return
    layers = Tagger.load(result.model, allow=result.allow).layers
    for path in paths:
        data_set = "" if path.parent == predictions else path.parent.name
        records = list(islice(_predicted(path, layers), N_LOOKED_AT))
        # The sort is stable, so equal records stay in data order.
        examples = sorted(records, key=_dullness)[:n_examples]
        if not examples:
            continue
        print_title(f"labelled test records{f' of {data_set}' if data_set else ''}", console=console)
        output = TerminalOutput(console, layers=examples[0].layers)
        for record in examples:
            output.show(record)


def _predicted(path: Path, layers: Mapping[str, Layer]) -> Iterator[TaggedRecord]:
    """Yield the records of a run's predictions that have tokens."""
    with path.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["tokens"]:
                predictions = {name: Prediction(**head) for name, head in row["predictions"].items()}
                yield TaggedRecord(row["tokens"], predictions, {name: layers[name] for name in predictions})


def _dullness(record: TaggedRecord) -> tuple[bool, bool]:
    """Return a sort key that puts records with spans, and short ones, first."""
    has_span = any(record.spans_by_head.values()) or not record.spans_by_head
    return not has_span, len(record.tokens) > MAX_EXAMPLE_TOKENS


def shortest(path: Path) -> str:
    """Return the path relative to the working folder, where it lies below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
