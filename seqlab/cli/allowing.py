"""The option `--allow`, of every command that loads a model."""

import argparse


def add_allow(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--allow",
        metavar="FILE.CLASS",
        action="append",
        default=[],
        help="import a class that the model is made of, though no plugin brings it, from FILE.py in the working folder;"
        " only for files that you trust; may be repeated",
    )
