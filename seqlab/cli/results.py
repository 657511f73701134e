"""What `seqlab train` ends with: the scores, some labelled records, and where everything lies."""

import json
import shlex
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from seqlab.cli.score_tables import by_head, print_scores

if TYPE_CHECKING:
    from seqlab.inference import Layer, TaggedRecord
    from seqlab.training.train import Run

N_LOOKED_AT = 2000
"""Test records among which examples are looked for."""
MAX_EXAMPLE_TOKENS = 40
"""Longer records are examples only where there are no shorter ones."""


def print_run(result: "Run", *, n_examples: int) -> None:
    """Print the scores on `test` (else `val`), `n_examples` labelled test records, the folder and the next commands."""
    console = Console()
    split = next((name for name in ("test", "val") if result.metrics.get(name)), None)
    if split is not None:
        print_scores(result.metrics[split], title=split, console=console)
    if split == "test":
        _print_examples(result.folder, scores=result.metrics["test"], n_examples=n_examples, console=console)
    folder = shlex.quote(shortest(result.folder))
    allow = "".join(f" --allow {name}" for name in result.allow)
    last = [
        f"\nrun folder  {folder}",
        f"label text  seqlab predict {folder} FILE{allow}",
        f"score data  seqlab evaluate {folder} DATA{allow}",
    ]
    console.print("\n".join(last), soft_wrap=True, highlight=False, markup=False, emoji=False)


def _print_examples(folder: Path, *, scores: Mapping[str, Any], n_examples: int, console: Console) -> None:
    from seqlab.inference.terminal import TerminalOutput

    predictions = folder / "predictions"
    for path in (predictions / "test.jsonl", *sorted(predictions.glob("*/test.jsonl"))):
        data_set = "" if path.parent == predictions else path.parent.name
        records = list(islice(_predicted(path, scores=scores, data_set=data_set), N_LOOKED_AT))
        examples = sorted(records, key=_dullness)[:n_examples]
        if not examples:
            continue
        title = f"labelled test records{f' of {data_set}' if data_set else ''}"
        console.print(f"\n{title}", style="bold", highlight=False, markup=False)
        output = TerminalOutput(console, layers=examples[0].layers)
        for record in examples:
            output.show(record)


def _predicted(path: Path, *, scores: Mapping[str, Any], data_set: str) -> Iterator["TaggedRecord"]:
    """Return the records of a run's predictions that have tokens; scores tell what kind of labels each head gives."""
    from seqlab.inference import TaggedRecord
    from seqlab.types import Prediction

    if not path.is_file():
        return
    scores_of = by_head(scores)
    with path.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            heads = row["predictions"]
            if row["tokens"]:
                predictions = {name: Prediction(**head) for name, head in heads.items()}
                found = {n: scores_of.get(n) or scores_of.get(f"{n}@{data_set}") or scores_of.get("") for n in heads}
                layers = {name: _layer(found[name] or {}) for name in heads}
                yield TaggedRecord(row["tokens"], predictions, layers)


def _layer(scores: Mapping[str, Any]) -> "Layer":
    from seqlab.inference import Layer

    labels: Mapping[str, Any] = next((scores[key] for key in ("per_type", "per_tag", "per_label") if key in scores), {})
    return Layer(is_per_step="per_tag" in scores, scheme=scores.get("scheme"), labels=list(labels))


def _dullness(record: "TaggedRecord") -> tuple[bool, bool]:
    """Return what puts records with spans, and those of few tokens, first."""
    has_span = any(record.spans.values()) or not record.spans
    return not has_span, len(record.tokens) > MAX_EXAMPLE_TOKENS


def shortest(path: Path) -> str:
    """Return the path as it is named from the working folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
