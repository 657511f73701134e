"""Completion of `seqlab train` by the shell: Hydra's own completes programs that have no commands."""

import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout

FLAGS = ("-sc", "--shell-completion")
_LINE = "COMP_LINE"
_SCRIPTS = {
    '        helper="${words[0]}"\n': (
        '        if [ "${words[1]}" != "train" ]; then\n            return\n        fi\n        helper="${words[0]} train"\n'
    ),
    '        set cmd "$parts[1]"\n': (
        '        if test "$parts[2]" != "train"\n            return\n        end\n        set cmd "$parts[1] train"\n'
    ),
}
"""Lines of Hydra's scripts for bash (and zsh) and for fish: what to write instead."""


@contextmanager
def completing(words: Sequence[str], *, program: str) -> Iterator[None]:
    """Adapt Hydra's shell completion, and the script that installs it, to the command `train`."""
    if not set(words) & set(FLAGS):
        yield
        return
    line, out = os.environ.get(_LINE), io.StringIO()
    if line is not None:
        # Without the word `train` Hydra sees the line of a program that has no commands.
        os.environ[_LINE] = re.sub(r"^(\s*\S+)\s+train(?=\s|$)", r"\1", line)
    # Hydra takes the name of a file for that of a script.
    sys.argv = ["seqlab" if program.endswith("__main__.py") else program, *sys.argv[1:]]
    try:
        with redirect_stdout(out):
            yield
    finally:
        if line is not None:
            os.environ[_LINE] = line
    script = out.getvalue()
    for hydras, ours in _SCRIPTS.items():
        script = script.replace(hydras, ours)
    sys.stdout.write(script)
