"""The `seqlab` command: thin, and quick to say `--help` (nothing here imports torch before a command needs it)."""

from seqlab.cli.main import main

__all__ = ["main"]
