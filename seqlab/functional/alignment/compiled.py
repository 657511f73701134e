"""Call the sums over alignments compiled from `alignments.c`."""

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.functional.alignment.topology import Topology
from seqlab.functional.native import Library

LIBRARY = Library(Path(__file__).with_name("alignments.c"), work="CTC and HMM alignments", structures=["Problem"])


class Sums(NamedTuple):
    """Log sums and posteriors; a record without an allowed alignment has -inf, and posteriors of 0."""

    log_sum: Float[Tensor, " batch"]
    posteriors: Float[Tensor, "batch time state"] | None
    unit_posteriors: Float[Tensor, "batch time unit"] | None


def is_usable(scores: Tensor) -> bool:
    """Return whether the library takes `scores`: on a CPU, where the library loads."""
    return scores.device.type == "cpu" and LIBRARY.is_usable


def sums(
    scores: Float[Tensor, "batch time unit"],
    lengths: Int[Tensor, " batch"],
    topology: Topology,
    *,
    of_states: bool = False,
    of_units: bool = False,
) -> Sums:
    """Return log sums (float64) and the requested posteriors: of states in float64, of units in the type of `scores`.

    Raises: ValueError for unknown units or states, lengths beyond the scores, and unequal numbers of records.
    """
    given = scores.detach() if scores.dtype in (torch.float32, torch.float64) else scores.detach().double()
    n_records, n_steps, n_units = given.shape
    n_columns = topology.units.shape[1]
    # Compiled code reads addresses without checks, so a wrong index would read foreign memory.
    _check(topology.units, (n_records, n_columns), n_units - 1, "units")
    _check(topology.n_states, (n_records,), n_columns, "n_states")
    _check(lengths, (n_records,), n_steps, "lengths")
    found = Sums(
        log_sum=given.new_empty(n_records, dtype=torch.float64),
        posteriors=given.new_empty(n_records, n_steps, n_columns, dtype=torch.float64) if of_states else None,
        unit_posteriors=torch.empty_like(given, memory_format=torch.contiguous_format) if of_units else None,
    )
    LIBRARY.run(
        "seqlab_alignment_sums",
        "Problem",
        [*given.shape, torch.get_num_threads()],
        {
            "n_columns": n_columns,
            "is_single": given.dtype == torch.float32,
            "scores": given,
            "lengths": lengths.long(),
            "n_states": topology.n_states.long(),
            "units": topology.units.long(),
            **{name: getattr(topology, name) for name in ("starts", "ends", "enters_by_skip", "is_unlabelled")},
            **found._asdict(),
        },
    )
    return found


def _check(values: Tensor, shape: tuple[int, ...], limit: int, name: str) -> None:
    """Raise ValueError where the compiled code would read outside its arrays."""
    if tuple(values.shape) != shape:
        raise ValueError(f"{name} has the shape {tuple(values.shape)}; expected {shape}")
    if values.numel():
        least, most = map(int, values.aminmax())
        if least < 0 or most > limit:
            raise ValueError(f"{name} are from {least} to {most}; expected at least 0 and at most {limit}")
