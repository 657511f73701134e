"""Attack seqlab and count what gives way: `python reliability [--short] [--seed N] [ATTACK …]`, or `make reliability`.

Prints a line for each attack: what was tried, how often, and every fault. Exit status 1 if there is a fault.
"""

import argparse
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path

from results import Result

ATTACKS = ("bundles", "damage", "kills", "readers", "overrides", "batching", "memory")
"""Modules of this folder, with a function `attack(folder, *, is_short, seed) -> Iterator[Result]`."""
_N_SHOWN = 10


def main() -> int:
    """Run the attacks, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", metavar="ATTACK", nargs="*", help=f"some of {', '.join(ATTACKS)} (default: all)")
    parser.add_argument("--short", action="store_true", help="few tries of each, in a minute or less")
    parser.add_argument("--seed", type=int, default=1, help="seed of all random choices (default: 1)")
    options = parser.parse_args()
    n_faults = 0
    for name in options.attacks or ATTACKS:
        with tempfile.TemporaryDirectory(prefix="seqlab_reliability_") as folder:
            began = time.monotonic()
            for result in import_module(name).attack(Path(folder), is_short=options.short, seed=options.seed):
                n_faults += len(result.faults)
                show(result, seconds=time.monotonic() - began)
                began = time.monotonic()
    return int(n_faults > 0)


def show(result: Result, *, seconds: float) -> None:
    """Print the counts of an attack, and its first faults."""
    print(f"{result.name}: {result.n_tried:,} tried, {len(result.faults)} faults; {result.note} ({seconds:.0f} s)", flush=True)
    for fault in result.faults[:_N_SHOWN]:
        print(f"  {fault}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        traceback.print_exc()
        sys.exit(130)
