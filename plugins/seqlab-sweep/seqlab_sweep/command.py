"""The `seqlab sweep` command: inspect a study and retry failed trials."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optuna.trial import TrialState
from rich import box
from rich.table import Table

from seqlab.errors import ConfigError
from seqlab_sweep.attributes import RETRY_OF
from seqlab_sweep.display import console_of, shown
from seqlab_sweep.failures import headline
from seqlab_sweep.finding import find
from seqlab_sweep.records import INTERRUPTED, best_numbers, counts, export, states, trial_record
from seqlab_sweep.study import SharedStudy

DESCRIPTION = """Inspect a study of `seqlab train -m hparams_search=…`. STUDY is its folder, its database file or its URL.

  seqlab sweep status multiruns/mine          list the trials and their states
  seqlab sweep best multiruns/mine            show the best trial and the command that trains it again
  seqlab sweep retry multiruns/mine           queue the failed trials again; rerun the sweep's command to run them
  seqlab sweep export multiruns/mine          write the whole study as JSON
  seqlab sweep best postgresql://user@host/database --name mine
"""


def run(words: Sequence[str]) -> int:
    """Run the command line `words` and return the exit status."""
    options = _parser().parse_args(words)
    options.run(find(options.study, name=options.name), options)
    return 0


def status(shared: SharedStudy, options: argparse.Namespace) -> None:
    """Print a table of the trials and the number in each state."""
    trials = [trial_record(trial) for trial in shared.trials()]
    facts = shared.facts
    console = console_of()
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    objectives = [one["name"] for one in facts.objectives or []]
    for heading in ("trial", "state", "epochs", *objectives, "seconds", *(facts.space or {}), "remark"):
        table.add_column(heading)
    for trial in trials:
        table.add_row(*_row(trial, objectives=objectives, params=list(facts.space or {})))
    console.print(table)
    total = facts.n_trials if facts.n_trials is not None else "?"
    _say(f"{shared.name}: {len(trials)} of {total} trials: {states(shared)}")
    if counts(trials)[INTERRUPTED]:
        _say("rerun the sweep's command to resume the interrupted trials")


def best(shared: SharedStudy, options: argparse.Namespace) -> None:
    """Print the best trial, or the Pareto front if there are several objectives, with the commands that repeat it."""
    numbers = best_numbers(shared)
    if not numbers:
        raise ConfigError(f"study {shared.name!r} has no complete trial: {states(shared)}")
    names = [one["name"] for one in shared.facts.objectives or []] or ["value"] * len(shared.study.directions)
    for number in numbers:
        trial = trial_record(shared.trials()[number])
        values = ", ".join(f"{name} {value:.6g}" for name, value in zip(names, trial["values"], strict=True))
        command = shlex.join([*(shared.facts.words or []), *trial["overrides"]])
        _say(f"trial {number}: {values}\n  folder  {trial['folder']}\n  again   seqlab train {command}")


def retry(shared: SharedStudy, options: argparse.Namespace) -> None:
    """Queue failed trials again, with the same parameters and new numbers."""
    with shared.store.held():  # before reading the trials, since another retry may be queueing the same ones
        trials = shared.trials()
        failed = {trial.number: trial for trial in trials if trial.state == TrialState.FAIL}
        queued = {trial.user_attrs.get(RETRY_OF) for trial in trials}
        chosen = options.trials or [number for number in failed if number not in queued]
        for number in chosen:
            if number not in failed:
                known = ", ".join(map(str, failed)) or "none"
                raise ConfigError(f"trial {number} has not failed, so it cannot be retried; failed trials: {known}")
        for number in chosen:
            shared.study.enqueue_trial(failed[number].params, user_attrs={RETRY_OF: number})
    if chosen:
        _say(f"queued {len(chosen)} trials; rerun the sweep's command to run them")
    else:
        _say("nothing to retry: no trial failed, or all failed trials are queued already")


def write_export(shared: SharedStudy, options: argparse.Namespace) -> None:
    """Write the whole study as JSON, to a file or to standard output."""
    text = json.dumps(export(shared), ensure_ascii=False, indent=2) + "\n"
    if options.output is None:
        sys.stdout.write(text)
    else:
        options.output.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seqlab sweep",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add(actions, "status", status, "list the trials")
    _add(actions, "best", best, "show the best trial, or the Pareto front")
    again = _add(actions, "retry", retry, "queue failed trials again")
    again.add_argument(
        "--trials", nargs="+", type=int, default=[], metavar="N", help="default: every failed trial not queued yet"
    )
    written = _add(actions, "export", write_export, "write the study as JSON")
    written.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    return parser


def _add(actions: Any, name: str, run_action: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.add_argument("study", metavar="STUDY", help="sweep folder, database file, journal:FILE or storage URL")
    parser.add_argument("--name", help="study name, if the storage has several studies")
    parser.set_defaults(run=run_action)
    return parser


def _row(trial: dict[str, Any], *, objectives: Sequence[str], params: Sequence[str]) -> list[str]:
    values = [f"{value:.4g}" for value in trial["values"] or []]
    seconds = f"{trial['seconds']:.1f}" if trial["seconds"] is not None else ""
    settings = [shown(trial["params"].get(name, "")) for name in params]
    remark = headline(trial["failure"] or "") or (f"retry of {trial['retry_of']}" if trial["retry_of"] is not None else "")
    cells = values + [""] * (len(objectives) - len(values))  # a trial has no values before it ends
    return [str(trial["number"]), trial["state"], str(trial["epochs"]), *cells, seconds, *settings, remark]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
