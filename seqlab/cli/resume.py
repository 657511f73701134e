"""Go on with an interrupted training run, with the config, data and threads that its folder records.

  seqlab resume runs/X                          ends bit by bit as if it had not been interrupted
  seqlab resume runs/X --finish                 no further training: score the best checkpoint and write the model
  seqlab resume runs/X --anyway                 even if the data have changed

To change settings, such as optimizer.lr or trainer.max_epochs, repeat the command with ckpt_path=runs/X/checkpoints/last.ckpt.
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from seqlab.cli.inputs import add_allow, add_command
from seqlab.errors import DataError


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "resume", run, summary="go on with an interrupted run", description=__doc__)
    parser.add_argument("folder", metavar="RUN", type=Path, help="run folder")
    parser.add_argument("--finish", action="store_true", help="make a model of the best checkpoint, without further training")
    parser.add_argument("--anyway", action="store_true", help="go on even if the data have changed")
    add_allow(parser)


def run(options: argparse.Namespace) -> int:
    """Train on, and print the scores."""
    from seqlab.cli.repeats import print_repeats
    from seqlab.cli.results import print_run
    from seqlab.runs.run import FinishedRun
    from seqlab.training.continued import changed_data, resume

    changed = changed_data(options.folder)
    for line in changed:
        print(f"data: {line}", file=sys.stderr)
    if changed and not options.anyway:
        raise DataError(f"{options.folder}: the data have changed since the run; add --anyway to go on nevertheless")
    # `seqlab train` logs by Hydra's configuration, which does not apply here.
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    result = resume(options.folder, allow=options.allow, is_finish=options.finish)
    if result.repeats is not None:
        print_repeats(result)
    else:
        print_run(result, n_examples=FinishedRun(result.folder).config["n_examples"])
    return 0
