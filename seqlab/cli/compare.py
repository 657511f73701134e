"""`seqlab compare`: is the difference of two runs more than chance?"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.errors import ConfigError

if TYPE_CHECKING:
    from seqlab.runs.comparison import Comparison, Finding

DESCRIPTION = """Compare the first run with each other one on the test records that all of them answered.

  seqlab compare runs/A runs/B
  seqlab compare runs/A runs/B runs/C                   A with B, A with C; p-values by Holm's correction as well
  seqlab compare runs/A runs/B --format json            every number

Runs may be repeated ones (repeat.seeds, repeat.folds): then means are compared, and the spread of seeds or folds is tested too.

The interval of the difference is that of a paired bootstrap over records; p is the share of random exchanges of the two answers
to a record that make as large a difference (approximate randomisation; all exchanges, where few records differ). Accuracy has
McNemar's test as well, over the records that are right throughout. "Fewer errors" is the share of B's errors that A has not.
"""
N_RESAMPLES = 10_000


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "compare",
        help="test whether runs differ by more than chance",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="run folders, two or more")
    parser.add_argument("--n-resamples", metavar="N", type=int, default=N_RESAMPLES, help=f"default: {N_RESAMPLES:,}")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="of the resamples (default: 1)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the comparison."""
    from seqlab.runs.comparison import compare, sentence

    if options.n_resamples < 1:
        raise ConfigError(f"--n-resamples is {options.n_resamples}; expected at least 1")
    if options.seed < 0:
        raise ConfigError(f"--seed is {options.seed}; expected a number from 0")
    found = compare(options.runs, n_resamples=options.n_resamples, seed=options.seed)
    sentences = [sentence(finding, comparison=found) for finding in found.findings]
    if options.format == "json":
        rows = [{**_row(one), "sentence": text} for one, text in zip(found.findings, sentences, strict=True)]
        whole = {"n_resamples": found.n_resamples, "seed": found.seed, "left_out": list(found.left_out), "findings": rows}
        print(json.dumps(whole, ensure_ascii=False, indent=2))
    else:
        _print(found, sentences)
    return 0


def _row(finding: "Finding") -> dict[str, Any]:
    row: dict[str, Any] = _finite({**asdict(finding), "is_beyond_chance": finding.is_beyond_chance})
    return row


def _finite(value: Any) -> Any:
    """Return `value` without infinite numbers, which JSON does not have: null in their place."""
    if isinstance(value, Mapping):
        return {key: _finite(child) for key, child in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def _print(found: "Comparison", sentences: list[str]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from seqlab.cli.score_tables import table_console

    console = table_console()
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    for name in ("score", "A", "B"):
        table.add_column(name, overflow="fold")
    for name in ("A %", "B %", "A - B", "95 % interval", "fewer errors", "p", "p (seeds)", "McNemar (records)"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.findings:
        test = one.records
        where = " ".join(filter(None, (one.data_set, one.head, one.score)))
        interval = "[{:+.2f}, {:+.2f}]".format(*(100 * end for end in test.interval))
        numbers = f"{100 * test.value_a:.2f}", f"{100 * test.value_b:.2f}", f"{100 * test.difference:+.2f}", interval
        seeds = one.repetitions.p_value if one.repetitions else None
        of_decisions = one.decisions.p_value if one.decisions else None
        p_values = ("" if p is None else f"{p:.4f}" for p in (one.p_adjusted, seeds, of_decisions))
        saved = one.relative_error_reduction
        fewer = "" if saved is None else f"{100 * saved:+.1f} %"
        table.add_row(*map(escape, (where, one.a, one.b)), *numbers, fewer, *p_values)
    console.print(table)
    for line in ("", *sentences, *_notes(found)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _notes(found: "Comparison") -> list[str]:
    notes = [f"note: head {head} is of a kind that is not compared" for head in found.left_out]
    if any(max(one.n_repetitions) > 1 for one in found.findings):
        notes.append(
            "note: the scores of a repeated run are those of all its answers together; repeats.json has the means over its runs"
        )
    same = sorted({one.b for one in found.findings if Path(one.a).resolve() == Path(one.b).resolve()})
    notes += [f"note: {folder} is compared with itself" for folder in same]
    if any(1 in one.n_repetitions for one in found.findings):
        notes.append("note: one seed says nothing of how far seeds alone move a score; repeat.seeds=5 tells")
    return notes
