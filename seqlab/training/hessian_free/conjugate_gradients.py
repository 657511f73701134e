"""Conjugate gradients, stopped when they no longer pay (Martens 2010, section 4.4)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor

_KEPT_GROWTH = 1.3
"""Iterates are kept at the iterations 1, 2, 3, 4, 6, 8, 10 …, each 1.3 times the last (Martens 2010, section 4.6)."""
_LEAST_WINDOW, _WINDOW_SHARE = 10, 0.1
"""Progress is measured over 10 iterations, or a tenth of those so far."""


@final
@dataclass(frozen=True)
class Iterate:
    """A solution so far."""

    solution: Float[Tensor, " weight"]
    value: float
    """The quadratic x^T A x / 2 - b^T x."""


def solve(
    product: Callable[[Tensor], Tensor],
    target: Float[Tensor, " weight"],
    *,
    start: Float[Tensor, " weight"],
    scale: Float[Tensor, " weight"] | None = None,
    tolerance: float = 5e-4,
    max_iterations: int = 100,
) -> list[Iterate]:
    """Minimise x^T A x / 2 - b^T x, which solves A x = b; return some iterates, the last one included.

    It stops when the value has fallen by less than the share `tolerance` for each iteration of a window, and before a direction
    of negative curvature; a first such direction is returned as it is.

    Args:
        product: Returns A times a vector.
        target: The vector b.
        start: The first x.
        scale: Diagonal of the preconditioner, positive; None: none.
        tolerance: Least relative progress of an iteration, at least 0.
        max_iterations: At least 1.
    """
    solution = start.clone()
    rest = target - product(solution) if bool(start.any()) else target.clone()
    scaled = rest if scale is None else rest / scale
    direction, size = scaled.clone(), float(rest @ scaled)
    values, kept = [_value(solution, rest, target)], [Iterate(solution.clone(), _value(solution, rest, target))]
    for i in range(1, max_iterations + 1):
        if size <= 0:  # solved exactly
            break
        curved = product(direction)
        curvature = float(direction @ curved)
        if curvature <= 0:
            if i == 1 and not bool(start.any()):
                return [Iterate(direction, -float(target @ direction))]
            break
        solution.add_(direction, alpha=size / curvature)
        rest.sub_(curved, alpha=size / curvature)
        values.append(_value(solution, rest, target))
        is_last = i == max_iterations or _has_stalled(values, tolerance)
        if is_last or i >= math.ceil(_KEPT_GROWTH ** len(kept)):
            kept.append(Iterate(solution.clone(), values[-1]))
        if is_last:
            break
        scaled = rest if scale is None else rest / scale
        before, size = size, float(rest @ scaled)
        direction.mul_(size / before).add_(scaled)
    if kept[-1].value != values[-1]:
        kept.append(Iterate(solution.clone(), values[-1]))
    return kept


def _value(solution: Tensor, rest: Tensor, target: Tensor) -> float:
    """Return the quadratic, by A x = b - rest."""
    return -0.5 * float(solution @ (target + rest))


def _has_stalled(values: list[float], tolerance: float) -> bool:
    last = len(values) - 1
    window = max(_LEAST_WINDOW, int(_WINDOW_SHARE * last))
    return last > window and values[-1] < 0 and (values[-1] - values[-1 - window]) / values[-1] < window * tolerance
