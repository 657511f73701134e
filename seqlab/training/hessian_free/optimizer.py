"""`HessianFree`: truncated Newton steps with the Gauss-Newton matrix (Martens 2010; Martens and Sutskever 2011)."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, final, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from seqlab.errors import ConfigError
from seqlab.training.hessian_free.conjugate_gradients import solve

_POOR, _GOOD, _FACTOR = 0.25, 0.75, 1.5
"""Below and above these shares of the promised reduction, damping grows or falls by the factor (Levenberg and Marquardt)."""
_SHRINK, _MAX_SHRINKS, _SUFFICIENT = 0.8, 60, 0.01
"""The line search shortens a step until it gains this share of what the gradient promises (Armijo)."""
_POWER = 0.75
"""Of the preconditioner (Martens 2010, section 4.7)."""


@runtime_checkable
class Problem(Protocol):
    """A loss at the present weights."""

    loss: float
    gradient: Float[Tensor, " weight"]

    def product(self, vector: Tensor) -> Tensor:
        """Return the curvature matrix times `vector`."""

    def loss_at(self, direction: Tensor, size: float) -> float:
        """Return the loss at the weights moved by `size` times `direction`."""


@final
class HessianFree(Optimizer):
    """Minimises a quadratic model of the loss of the batch by conjugate gradients, and takes a step of the length that pays.

    Its curvature is the Gauss-Newton matrix, damped. A step costs as much as some dozens of gradients, so use large batches.

    Args:
        parameters: The weights; no groups.
        lr: Factor of a step before the line search, above 0.
        damping: First damping, above 0; it changes with how well the model of the loss predicts it.
        momentum: Share of the last direction from which conjugate gradients start, from 0 to below 1.
        tolerance: Conjugate gradients stop when an iteration gains less than this share of what all have gained.
        max_iterations: Most iterations of a step.
        is_preconditioned: Whether to scale the weights by (squared gradient + damping)^0.75. The gradient is that of the batch,
            not of each record as in the paper.
    """

    problem_of: Callable[[], Problem]
    """Returns the problem of the batch of the last call of the closure; set by the training loop."""

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1.0,
        damping: float = 1.0,
        momentum: float = 0.95,
        tolerance: float = 0.0005,
        max_iterations: int = 100,
        is_preconditioned: bool = False,
    ) -> None:
        _check("lr", lr, lr > 0, "a number above 0")
        _check("damping", damping, damping > 0, "a number above 0")
        _check("momentum", momentum, 0 <= momentum < 1, "a share from 0 to below 1")
        _check("max_iterations", max_iterations, max_iterations >= 1, "at least 1")
        options = {"damping": damping, "momentum": momentum, "tolerance": tolerance, "max_iterations": max_iterations}
        super().__init__(parameters, {"lr": lr, **options, "is_preconditioned": is_preconditioned})
        if len(self.param_groups) > 1:
            raise ConfigError("parameter_groups are not for optimizer=hessian_free, which has one damping; remove them")

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The weights, in the order of vectors."""
        found: list[nn.Parameter] = self.param_groups[0]["params"]
        return found

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step on the batch of `closure`, and return its loss."""
        assert closure is not None
        with torch.enable_grad():
            loss = closure()
            if loss is None:  # the batch has no targets
                return None
            problem = self.problem_of()
        options, state = self.param_groups[0], self.state[self.parameters[0]]
        damping = float(state.setdefault("damping", options["damping"]))
        direction, value = self._direction(problem, options, damping, state.get("direction"))
        size = _line_search(problem, direction, options["lr"])
        # before the weights move: the problem is of those that they have now
        state["damping"] = damping * _growth(problem, direction, value)
        with torch.no_grad():
            for weight, part in zip(self.parameters, _parts(direction, self.parameters), strict=True):
                weight.add_(part, alpha=size)
        # A direction along which nothing was gained is no start for the next one.
        state["direction"] = direction if size else torch.zeros_like(direction)
        return loss

    def _direction(
        self, problem: Problem, options: dict[str, Any], damping: float, last: Tensor | None
    ) -> tuple[Tensor, float]:
        """Return the best direction that conjugate gradients found, and the loss that the undamped model expects to lose."""
        start = torch.zeros_like(problem.gradient) if last is None else options["momentum"] * last
        scale = (problem.gradient**2 + damping) ** _POWER if options["is_preconditioned"] else None
        iterates = solve(
            lambda vector: problem.product(vector).add_(vector, alpha=damping),
            -problem.gradient,
            start=start,
            scale=scale,
            tolerance=options["tolerance"],
            max_iterations=options["max_iterations"],
        )
        # The last iterates may have gone beyond where the model holds.
        best = iterates.pop()
        least = problem.loss_at(best.solution, options["lr"])
        while iterates:
            before = iterates.pop()
            loss = problem.loss_at(before.solution, options["lr"])
            if loss > least:
                break
            best, least = before, loss
        return best.solution, best.value - 0.5 * damping * float(best.solution @ best.solution)


def _line_search(problem: Problem, direction: Tensor, size: float) -> float:
    """Return the first size that gains enough, from `size` down; 0 if none does."""
    slope = float(problem.gradient @ direction)
    for _ in range(_MAX_SHRINKS):
        if problem.loss_at(direction, size) <= problem.loss + _SUFFICIENT * size * slope and slope < 0:
            return size
        size *= _SHRINK
    return 0.0


def _growth(problem: Problem, direction: Tensor, expected: float) -> float:
    """Return the factor of the damping, by the share of the expected reduction that the whole direction gives."""
    share = (problem.loss_at(direction, 1.0) - problem.loss) / expected if expected < 0 else 0.0
    # A loss that is not a number is a poor one.
    return 1 / _FACTOR if share > _GOOD else 1.0 if share >= _POOR else _FACTOR


def _parts(vector: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    parts = vector.split([weight.numel() for weight in parameters])
    return [part.view_as(weight) for part, weight in zip(parts, parameters, strict=True)]


def _check(name: str, value: object, is_right: bool, rule: str) -> None:
    if not is_right:
        raise ConfigError(f"optimizer.{name} is {value!r}; expected {rule}")
