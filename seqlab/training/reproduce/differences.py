"""Differences between two runs in environment and metrics."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seqlab.config.tree import leaves

_SURROUNDINGS = ("seqlab", "python", "platform", "cpu", "accelerator", "n_threads")


class Difference(NamedTuple):
    """A value that differs between the first run (`there`) and the second (`here`); None where it is missing."""

    name: str
    there: Any
    here: Any


def setting_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[Difference]:
    """Return the differences in versions, threads, machine, kernels and code between two `environment.json`."""
    # Compiler and kernels only where both sides record them: kernels are known only when a run ends.
    both = {key for key in ("c_compiler", "kernels") if key in there and key in here}
    # Kernels of both sides: a process may have run others before.
    kernels = sorted(there["kernels"].keys() & here["kernels"].keys()) if "kernels" in both else []
    return _differences(*(_surroundings(side, has_compiler="c_compiler" in both, kernels=kernels) for side in (there, here)))


def _surroundings(side: Mapping[str, Any], *, has_compiler: bool, kernels: Sequence[str]) -> dict[str, Any]:
    found = {name: side.get(name) for name in _SURROUNDINGS} | dict(side.get("packages") or {})
    if has_compiler:
        found |= {f"C compiler {key}": side["c_compiler"][key] for key in ("version", "flags")}
    found |= {f"kernel for {name}": side["kernels"][name] for name in kernels}
    git = side.get("git")
    return found | {"git commit": f"{git['commit'][:12]}{'' if git['is_clean'] else ' with changes'}" if git else None}


def metric_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[Difference]:
    """Return the values in two `metrics.json` that are not bit-identical."""
    flat = [leaves(side, separator="/") for side in (there, here)]
    return _differences(*({name: value for name, value in side if not isinstance(value, Mapping)} for side in flat))


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[Difference]:
    pairs = [Difference(name, there.get(name), here.get(name)) for name in dict.fromkeys((*there, *here))]
    return [pair for pair in pairs if not _is_same(pair.there, pair.here)]


def _is_same(there: Any, here: Any) -> bool:
    # NaN is not equal to itself, but both runs having it is no difference.
    if isinstance(there, float) and isinstance(here, float) and math.isnan(there):
        return math.isnan(here)
    return bool(there == here)
