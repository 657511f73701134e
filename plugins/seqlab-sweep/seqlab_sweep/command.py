"""`seqlab sweep`: what came of a study, and failed trials queued again."""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich import box
from rich.table import Table

from seqlab.errors import ConfigError
from seqlab_sweep.attributes import RETRY_OF
from seqlab_sweep.display import console_of, shown
from seqlab_sweep.failures import headline
from seqlab_sweep.finding import find
from seqlab_sweep.records import INTERRUPTED, best_numbers, counts, export, states, trial_record
from seqlab_sweep.study import SharedStudy

DESCRIPTION = """Look into a study of `seqlab train -m hparams_search=…`. STUDY is its folder, its file or the URL of its store.

  seqlab sweep status multiruns/mine          all trials, and what is left to do
  seqlab sweep best multiruns/mine            the best, and how to train it again
  seqlab sweep retry multiruns/mine           queue the failed trials again; the command of the sweep runs them
  seqlab sweep export multiruns/mine          all that is known, as JSON
  seqlab sweep best postgresql://user@host/database --name mine
"""


def run(words: Sequence[str]) -> int:
    """Run the command line `words`, and return the exit status."""
    options = _parser().parse_args(words)
    options.run(find(options.study, name=options.name), options)
    return 0


def status(shared: SharedStudy, options: argparse.Namespace) -> None:
    """Print all trials, and what is left to do."""
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
        _say("the same command goes on with what was interrupted")


def best(shared: SharedStudy, options: argparse.Namespace) -> None:
    """Print the best trial, of several objectives the front, and how to train it again."""
    numbers = best_numbers(shared)
    if not numbers:
        raise ConfigError(f"study {shared.name!r} has no trial that is complete: {states(shared)}")
    names = [one["name"] for one in shared.facts.objectives or []] or ["value"] * len(shared.study.directions)
    for number in numbers:
        trial = trial_record(shared.trials()[number])
        said = ", ".join(f"{name} {value:.6g}" for name, value in zip(names, trial["values"], strict=True))
        _say(f"trial {number}: {said}\n  folder  {trial['folder']}\n  again   seqlab train {_typed(shared, trial)}")


def retry(shared: SharedStudy, options: argparse.Namespace) -> None:
    """Queue trials that failed once more, with the same parameters under new numbers."""
    with shared.store.held():  # from the first look on: another may be queuing them
        trials = shared.trials()
        failed = {trial.number: trial for trial in trials if trial.state == TrialState.FAIL}
        chosen = options.trials or _not_queued(failed, trials)
        for number in chosen:
            if number not in failed:
                there = ", ".join(map(str, failed)) or "none"
                raise ConfigError(f"trial {number} has not failed, so there is nothing to retry; failed have {there}")
        for number in chosen:
            shared.study.enqueue_trial(failed[number].params, user_attrs={RETRY_OF: number})
    _say(f"queued {len(chosen)} trials; the command of the sweep runs them" if chosen else "no trial failed, or all are queued")


def _not_queued(failed: Iterable[int], trials: Sequence[FrozenTrial]) -> list[int]:
    queued = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    return [number for number in failed if number not in queued]


def write_export(shared: SharedStudy, options: argparse.Namespace) -> None:
    """Write all that is known of the study as JSON."""
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
    _add(actions, "status", status, "all trials")
    _add(actions, "best", best, "the best trial, or the Pareto front")
    again = _add(actions, "retry", retry, "queue failed trials again")
    again.add_argument("--trials", nargs="+", type=int, default=[], metavar="N", help="default: all that failed, once each")
    written = _add(actions, "export", write_export, "everything as JSON")
    written.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the terminal")
    return parser


def _add(actions: Any, name: str, run_action: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.add_argument("study", metavar="STUDY", help="folder of a sweep, database file, journal:FILE or URL")
    parser.add_argument("--name", help="of the study, where the store has several")
    parser.set_defaults(run=run_action)
    return parser


def _row(trial: dict[str, Any], *, objectives: Sequence[str], params: Sequence[str]) -> list[str]:
    values = [f"{value:.4g}" for value in trial["values"] or []]
    seconds = f"{trial['seconds']:.1f}" if trial["seconds"] is not None else ""
    known = [shown(trial["params"].get(name, "")) for name in params]
    remark = headline(trial["failure"] or "") or (f"retry of {trial['retry_of']}" if trial["retry_of"] is not None else "")
    cells = values + [""] * (len(objectives) - len(values))
    return [str(trial["number"]), trial["state"], str(trial["epochs"]), *cells, seconds, *known, remark]


def _typed(shared: SharedStudy, trial: dict[str, Any]) -> str:
    """Return the words of a trial as a shell takes them."""
    return shlex.join([*(shared.facts.words or []), *trial["overrides"]])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
