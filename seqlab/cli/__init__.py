"""The `seqlab` command. Commands import torch only when they need it, so that `--help` is quick."""

from seqlab.cli.main import main

__all__ = ["main"]
