"""Differences between two runs in environment and metrics."""

import math
from collections.abc import Mapping
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
    pairs = [(name, there.get(name), here.get(name)) for name in _SURROUNDINGS]
    packages = [dict(side.get("packages") or {}) for side in (there, here)]
    pairs += [(name, packages[0].get(name), packages[1].get(name)) for name in sorted(packages[0].keys() | packages[1].keys())]
    pairs += [*_kernel_pairs(there, here), ("git commit", _commit(there), _commit(here))]
    return [Difference(*pair) for pair in pairs if pair[1] != pair[2]]


def _kernel_pairs(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return compiler and kernels of both sides, where both record them: kernels are known only when a run ends."""
    found = []
    if "c_compiler" in there and "c_compiler" in here:
        found += [(f"C compiler {key}", there["c_compiler"][key], here["c_compiler"][key]) for key in ("version", "flags")]
    if "kernels" in there and "kernels" in here:
        # Those of both sides: a process may have run other kernels before.
        names = sorted(there["kernels"].keys() & here["kernels"].keys())
        found += [(f"kernel for {name}", there["kernels"][name], here["kernels"][name]) for name in names]
    return found


def metric_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[Difference]:
    """Return the values in two `metrics.json` that are not bit-identical."""
    flat = [
        {name: value for name, value in leaves(side, separator="/") if not isinstance(value, Mapping)} for side in (there, here)
    ]
    names = [*flat[0], *(name for name in flat[1] if name not in flat[0])]
    found = [Difference(name, flat[0].get(name), flat[1].get(name)) for name in names]
    return [one for one in found if not _is_same(one.there, one.here)]


def _commit(environment: Mapping[str, Any]) -> str | None:
    git = environment.get("git")
    return None if not git else f"{git['commit'][:12]}{'' if git['is_clean'] else ' with changes'}"


def _is_same(there: Any, here: Any) -> bool:
    if isinstance(there, float) and isinstance(here, float) and math.isnan(there):
        return math.isnan(here)
    return bool(there == here)
