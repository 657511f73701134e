"""Score a trained model on labelled data, read in the same way as its training data.

  seqlab evaluate runs/X path/to/test.conll             a file (or folder) in the format of the training data
  seqlab evaluate runs/X path/to/folder --split test    that folder's file for a split, named as in training
  seqlab evaluate runs/X                                the test split of the training data; for cross-validation, the
                                                        training records that the fold held out
  seqlab evaluate runs/X other.jsonl --format jsonl     another format, with the defaults of conf/data/jsonl.yaml; detected
                                                        if extension and content agree
  seqlab evaluate runs/X --min-precision 0.9            also score only the spans of each type above the lowest confidence
                                                        that reached a precision of 90 % on the validation records; none, if
                                                        no confidence reached it
  seqlab evaluate runs/X path --data-set NAME           for a model of several data sets: whose heads to score

DATA are read by the reader of the training, whose settings --set changes.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_allow, add_command, add_model, add_set

if TYPE_CHECKING:
    from seqlab.inference import Tagger


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "evaluate", run, summary="score a trained model on labelled data", description=__doc__)
    add_model(parser)
    parser.add_argument("data", metavar="DATA", nargs="?", type=Path, help="file or folder (default: data.dir of the training)")
    parser.add_argument("--format", metavar="NAME", help="format of DATA: an option of conf/data (conll, jsonl, csv, …)")
    split = "train, val, test (default without DATA) or the name of a file in the folder DATA"
    parser.add_argument("--split", metavar="NAME", help=split)
    parser.add_argument("--data-set", metavar="NAME", help="data set to score, if the model has several (default: each)")
    add_set(parser)
    parser.add_argument("--min-precision", metavar="P", type=float, help="also score the spans this precise, by type")
    parser.add_argument("--json", action="store_true", help="print all scores as one JSON object")
    add_allow(parser)


def run(options: argparse.Namespace) -> int:
    """Print the scores."""
    from rich.console import Console

    from seqlab.cli.score_tables import print_scores
    from seqlab.cli.scored_sets import scored_sets
    from seqlab.data.atomic_write import to_json
    from seqlab.inference import Tagger

    tagger = Tagger.load(options.model, allow=options.allow)
    scored = list(scored_sets(options, tagger))
    if options.json:
        print(to_json({name: value for _, scores in scored for name, value in scores.items()}, indent=2))
    else:
        for title, scores in scored:
            _report_unknown(scores, tagger)
            print_scores(scores, title=title, console=Console(), heads=tagger.heads)
    return 0


def _report_unknown(scores: Mapping[str, Any], tagger: "Tagger") -> None:
    """List the span types in the data that the model cannot predict."""
    from seqlab.cli.score_tables import by_head

    for scored_as, own in by_head(scores, tagger.heads).items():
        # Scores of several data sets have the name of their data set behind an @.
        name = scored_as.partition("@")[0] or tagger.heads[0]
        labels = tagger.layers[name].labels
        unknown = [label for label, s in own.get("per_type", {}).items() if s["support"] and label not in labels]
        if unknown and labels:
            cannot = f"note: head {name} cannot predict {', '.join(unknown)}, which the data contain"
            print(f"{cannot}; its labels are {', '.join(labels)}", file=sys.stderr)
