"""Compare the first run with each of the others, on the test records that all of them answered.

  seqlab compare runs/A runs/B
  seqlab compare runs/A runs/B runs/C                   A with B and A with C; p-values with Holm's correction
  seqlab compare runs/A runs/B --format json            all numbers

For repeated runs (repeat.seeds, repeat.folds), means are compared, and the spread over seeds or folds is tested too.

The interval of the difference comes from a paired bootstrap over records. p is the share of random exchanges of the two answers
to each record that give at least as large a difference (approximate randomisation; exact if few records differ). Accuracy also
has McNemar's test over the records. "Fewer errors" is the share of B's errors that A avoids.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_command
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    from seqlab.runs.comparison import Comparison, Finding


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "compare", run, summary="test whether runs differ by more than chance", description=__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="two or more run folders")
    parser.add_argument("--n-resamples", metavar="N", type=int, default=10_000, help="number of resamples (default: 10,000)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="seed of the resamples (default: 1)")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(options: argparse.Namespace) -> int:
    """Print the comparison, as a table or JSON."""
    from seqlab.runs.comparison import compare, sentence

    if options.n_resamples < 1:
        raise ConfigError(f"--n-resamples is {options.n_resamples}; expected at least 1")
    if options.seed < 0:
        raise ConfigError(f"--seed is {options.seed}; expected 0 or more")
    found = compare(options.runs, n_resamples=options.n_resamples, seed=options.seed)
    sentences = [sentence(finding, comparison=found) for finding in found.findings]
    if options.format == "json":
        from seqlab.data.atomic_write import to_json

        rows = [
            {**asdict(one), "is_beyond_chance": one.is_beyond_chance, "sentence": text}
            for one, text in zip(found.findings, sentences, strict=True)
        ]
        whole = {"n_resamples": found.n_resamples, "seed": found.seed, "left_out": list(found.left_out), "findings": rows}
        print(to_json(whole, indent=2))
    else:
        _print(found, sentences)
    return 0


def _print(found: "Comparison", sentences: list[str]) -> None:
    from seqlab.cli.tables import print_rows

    numbers = ("A %", "B %", "A - B", "95 % interval", "fewer errors", "p", "p (seeds)", "McNemar (records)")
    print_rows(("score", "A", "B", *numbers), map(_cells, found.findings), texts=("score", "A", "B"))
    print("", *sentences, *_notes(found), sep="\n")


def _cells(one: "Finding") -> list[str]:
    test, saved = one.records, one.relative_error_reduction
    where = " ".join(filter(None, (one.data_set, one.head, one.score)))
    interval = "[{:+.2f}, {:+.2f}]".format(*(100 * end for end in test.interval))
    seeds = one.repetitions.p_value if one.repetitions else None
    of_decisions = one.decisions.p_value if one.decisions else None
    p_values = ("" if p is None else f"{p:.4f}" for p in (one.p_adjusted, seeds, of_decisions))
    values = (f"{100 * test.value_a:.2f}", f"{100 * test.value_b:.2f}", f"{100 * test.difference:+.2f}", interval)
    return [where, one.a, one.b, *values, "" if saved is None else f"{100 * saved:+.1f} %", *p_values]


def _notes(found: "Comparison") -> list[str]:
    notes = [f"note: head {head} cannot be compared: there is no test for its kind" for head in found.left_out]
    if any(max(one.n_repetitions) > 1 for one in found.findings):
        notes.append("note: a repeated run is scored on all its answers together; repeats.json has the means over its runs")
    same = sorted({one.b for one in found.findings if Path(one.a).resolve() == Path(one.b).resolve()})
    notes += [f"note: {folder} is compared with itself" for folder in same]
    if any(1 in one.n_repetitions for one in found.findings):
        notes.append("note: one seed does not show how much scores vary between seeds; use repeat.seeds=5")
    return notes
