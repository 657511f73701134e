"""Entry point of the `seqlab` command. A user's mistake ends it with one line on stderr and status 2."""

import argparse
import os
import sys
from collections.abc import Sequence

from seqlab import __version__
from seqlab.cli import (
    compare,
    data,
    describe,
    encode,
    evaluate,
    inspect,
    plugins,
    predict,
    report,
    reproduce,
    resume,
    search,
    train,
)
from seqlab.cli.process import Signals, keep_few_kernels, keep_freed_memory
from seqlab.config.plugins.commands import commands_of_plugins
from seqlab.errors import SeqlabError, did_you_mean

EXIT_MISTAKE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (None: the process's own), and return the exit status."""
    _sleep_when_idle()
    keep_few_kernels()
    keep_freed_memory()
    words = list(sys.argv[1:] if arguments is None else arguments)
    signals = Signals()
    try:
        # Hydra parses the words of `train` itself; argparse would refuse its flags.
        if words[:1] == ["train"]:
            return train.run(words[1:])
        parser = _parser(words)
        _check_command(words, parser)
        parsed = parser.parse_args(words)
        status = int(parsed.run(parsed))
        # Here, since a closed pipe shows only when the buffer is written.
        sys.stdout.flush()
        return status
    except SeqlabError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_MISTAKE
    except KeyboardInterrupt as interrupt:
        print("; ".join([signals.event, *filter(None, map(str, interrupt.args))]), file=sys.stderr)
        return signals.exit_status
    except BrokenPipeError:  # the reader of our output, such as `head`, has exited
        # Python flushes standard output once more at exit, and would print a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    # A file that cannot be read or written is the user's to fix. Other exceptions are bugs, and keep their traceback.
    except OSError as error:
        print(f"error: {error.filename or 'input or output'}: {error.strerror or error}", file=sys.stderr)
        return EXIT_MISTAKE


def _check_command(words: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Raise SeqlabError for an unknown command; argparse would not suggest the nearest one."""
    # argparse has no public list of its commands.
    known = [name for action in parser._actions for name in action.choices or () if action.dest == "command"]
    if words and not words[0].startswith("-") and words[0] not in known:
        hint = did_you_mean(words[0], known)
        raise SeqlabError(f"{words[0]}: there is no such command{hint}; there are {', '.join(known)}")


def _sleep_when_idle() -> None:
    """Let idle OpenMP threads spin for microseconds, not milliseconds, before they sleep. Set before torch is loaded.

    With the default, other processes on the same cores make small models a hundred times slower; alone, both are as fast.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of `words`, with the commands of plugins only if needed: finding them takes time."""
    parser = argparse.ArgumentParser(
        prog="seqlab", description="Train, evaluate and use sequence labellers.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"seqlab {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (
        train,
        evaluate,
        predict,
        encode,
        search,
        compare,
        resume,
        reproduce,
        report,
        data,
        describe,
        inspect,
        plugins,
    ):
        module.add_parser(commands)
    if not words or words[0] not in commands.choices:
        for command in commands_of_plugins(tuple(commands.choices)):
            command.add_parser(commands)
    return parser
