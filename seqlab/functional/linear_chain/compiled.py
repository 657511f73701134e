"""Call the sums and the best path compiled from `chains.c`."""

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.functional.linear_chain.chain import Chain
from seqlab.functional.linear_chain.scaled import DROPPED, NEGLIGIBLE, SCALING_PERIOD
from seqlab.functional.native import Library

LIBRARY = Library(Path(__file__).with_name("chains.c"), work="CRFs", structures=["Sums", "Counts", "Best"])
_RULES = {"scaling_period": SCALING_PERIOD, "dropped": DROPPED, "negligible": NEGLIGIBLE}


class Sums(NamedTuple):
    """The sums of `scaled`, with expected counts of steps and edges: 0 at padding and in records that are not `is_exact`."""

    log_partition: Float[Tensor, " batch"]
    is_exact: Bool[Tensor, " batch"]
    marginals: Float[Tensor, "batch time tag"]
    sources: Float[Tensor, "batch time_minus_1 tag"]
    targets: Float[Tensor, "batch time_minus_1 tag"]
    factors: Float[Tensor, "prev_tag tag"]
    path_score: Float[Tensor, " batch"]


def is_usable(chain: Chain) -> bool:
    """Return whether the library takes `chain`: on a CPU, where the library loads."""
    return chain.emissions.device.type == "cpu" and LIBRARY.is_usable


def partition(chain: Chain) -> tuple[Float[Tensor, " batch"], Bool[Tensor, " batch"]]:
    """Return the log partition of `chain` (float64, at least one step), and for which records it is exact."""
    log_partition, is_exact = chain.start.new_empty(len(chain.lengths)), chain.start.new_empty(len(chain.lengths))
    _call("seqlab_chain_sums", "Sums", chain, **_RULES, log_partition=log_partition, is_exact=is_exact)
    # The C structure has arrays of doubles here, so flags come back as 0.0 and 1.0.
    return log_partition, is_exact.bool()


def sums(chain: Chain, tags: Int[Tensor, "batch time"] | None = None) -> Sums:
    """Return the sums of `chain` (float64, at least one step).

    With `tags`, their marginals are less by 1, and `path_score` is the score of their path (else 0). A record with tags that
    the chain does not have is not exact.
    """
    n_records, n_steps, n_tags = chain.emissions.shape
    empty = chain.start.new_empty
    found = Sums(
        log_partition=empty(n_records),
        is_exact=empty(n_records),
        marginals=empty(n_records, n_steps, n_tags),
        sources=empty(n_records, n_steps - 1, n_tags),
        targets=empty(n_records, n_steps - 1, n_tags),
        factors=empty(n_tags, n_tags),
        path_score=empty(n_records) if tags is not None else chain.start.new_zeros(n_records),
    )
    _call("seqlab_chain_sums", "Sums", chain, **_RULES, **found._asdict(), tags=tags)
    return found._replace(is_exact=found.is_exact.bool())


def counts(
    sums: Sums, lengths: Int[Tensor, " batch"], tags: Int[Tensor, "batch time"], weights: Float[Tensor, " batch"]
) -> list[Tensor]:
    """Return the expected counts of emissions, transitions, start and end, times each record's weight, less those of `tags`.

    `sums` are the sums of a chain with `tags`, all exact.
    """
    empty, (n_tags, _) = weights.new_empty, sums.factors.shape
    found = [torch.empty_like(sums.marginals), empty(n_tags, n_tags), empty(n_tags), empty(n_tags)]
    given = {"lengths": lengths, "tags": tags, "weights": weights}
    read = {name: getattr(sums, name) for name in ("marginals", "sources", "targets", "factors")}
    written = dict(zip(("emissions", "transitions", "start", "end"), found, strict=True))
    _run("seqlab_chain_counts", "Counts", sums.marginals, **given, **read, **written)
    return found


def best_path(chain: Chain) -> tuple[Int[Tensor, "batch time"], Float[Tensor, " batch"]]:
    """Return the best tags of `chain` (float64, at least one step), and their scores."""
    tags, score = chain.lengths.new_empty(chain.emissions.shape[:2]), chain.start.new_empty(len(chain.lengths))
    _call("seqlab_chain_best", "Best", chain, tags=tags, score=score)
    return tags, score


def _call(function: str, structure: str, chain: Chain, **values: Tensor | float | None) -> None:
    # Compiled code reads addresses without checks, so a wrong size would read foreign memory.
    _check_shapes(chain, values.get("tags"))
    if len(chain.lengths):
        # C code would read beyond the arrays where a length is wrong. One call gives both bounds, since this check runs
        # every time.
        least, most = chain.lengths.aminmax()
        if least < 0 or most > chain.emissions.shape[1]:
            raise ValueError(f"lengths from {least} to {most} of {chain.emissions.shape[1]} steps: must lie between")
    scores = dict(zip(("emissions", "transitions", "start", "end"), chain.scores, strict=True))
    _run(function, structure, chain.emissions, lengths=chain.lengths, **scores, **values)


def _check_shapes(chain: Chain, tags: Tensor | float | None) -> None:
    """Raise ValueError where an array has another size than the compiled code assumes."""
    n_records, n_steps, n_tags = chain.emissions.shape
    expected = {"lengths": (n_records,), "transitions": (n_tags, n_tags), "start": (n_tags,), "end": (n_tags,)}
    found = {name: tuple(getattr(chain, name).shape) for name in expected}
    if isinstance(tags, Tensor):
        expected["tags"], found["tags"] = (n_records, n_steps), tuple(tags.shape)
    for name, shape in found.items():
        if shape != expected[name]:
            raise ValueError(f"{name} has the shape {shape}; expected {expected[name]}, by the emissions")


def _run(function: str, structure: str, like: Tensor, **values: Tensor | float | None) -> None:
    LIBRARY.run(function, structure, [*like.shape, torch.get_num_threads()], values)
