"""Train a model as conf/train.yaml and overrides describe. This is a Hydra application.

  seqlab train experiment=wnut17 data.dir=path/to/wnut17
  seqlab train encoder=gru encoder.width=200 optimizer.lr=1e-3
  seqlab train -m encoder=lstm,gru seed=1,2,3      a sweep over all combinations
  seqlab train repeat.seeds=5                      the same run with five seeds: means, spread and intervals
  seqlab train repeat.folds=5                      cross-validation over the training records
  seqlab train --cfg job                           print the config of the run
  seqlab train --info searchpath                   where options come from
  seqlab train --hydra-help                        all of Hydra's own flags

`seqlab train --help` lists the config groups and their options.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqlab.config.overrides import Overrides

FULL_ERROR = "HYDRA_FULL_ERROR"
"""With this set, Hydra raises its errors instead of printing them and exiting. Users who set it want tracebacks."""


def add_parser(commands: Any) -> None:
    """Add the command to the help page; `main` passes its words straight to `run`, and Hydra prints its help."""
    commands.add_parser("train", help="train a model (a Hydra app: groups, overrides, sweeps)")


def run(words: Sequence[str]) -> int:
    """Run Hydra with `words`; its errors become one-line ConfigErrors."""
    import hydra

    from seqlab.cli.completion import completing
    from seqlab.cli.jobs import Jobs, processes_of
    from seqlab.config.compose import register_search_path
    from seqlab.config.foreign import guarded
    from seqlab.config.mistakes import explaining
    from seqlab.config.overrides import Overrides
    from seqlab.config.paths import config_dir

    typed = Overrides.parse(words)
    jobs = Jobs(typed.words)
    program = sys.argv[0].removesuffix(" train")  # as set below, in the process of a sweep

    def task(config: Any) -> float | None:
        with jobs.running(), processes_of(program):
            return _train(config, typed=typed)

    # The flag of a sweep first: argparse refuses it between overrides.
    sys.argv = ["seqlab train", *sorted(typed.words, key=lambda word: word not in ("-m", "--multirun"))]
    # Before Hydra reads its search path, or options of plugins would be unknown.
    register_search_path()
    application = hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="train")(task)
    if FULL_ERROR in os.environ:
        with guarded(typed):
            application()
        return 0
    # Hydra then raises its errors, which become one line here.
    os.environ[FULL_ERROR] = "1"
    try:
        with completing(words, program=program), explaining(words), jobs.of_hydra(), guarded(typed):
            application()
    finally:
        # The caller's environment is left as it was.
        os.environ.pop(FULL_ERROR, None)
    return 0


def _train(config: Any, *, typed: "Overrides") -> float | None:
    from seqlab.cli.jobs import is_first_process
    from seqlab.cli.repeats import print_repeats
    from seqlab.cli.results import print_run
    from seqlab.training.train import run as run_config

    result = run_config(config, typed=typed)
    if result.repeats is not None:
        print_repeats(result)
    elif is_first_process():
        print_run(result, n_examples=config.n_examples)
    return result.monitored
