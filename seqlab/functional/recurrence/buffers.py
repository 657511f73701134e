"""Views and products that scans share. A scan's tensors are (direction, time, batch, feature)."""

from collections.abc import Callable
from typing import Generic, TypeVar, final

import torch
from torch import Tensor

Value = TypeVar("Value")
BLOCK_NUMBERS = 65_536
"""Most numbers computed for several steps in one call, so that they fit a core's cache."""


def steps_of(values: Tensor) -> list[Tensor]:
    """Return a view of each step."""
    return list(values.unbind(1))


@final
class BackwardBlocks(Generic[Value]):
    """Values of each step, read from the last step to the first, and computed for many steps in one call.

    `of` returns the values of a slice of steps, one a step. `like` is a tensor of the size of the values.
    """

    def __init__(self, of: Callable[[slice], list[Value]], *, like: Tensor) -> None:
        numbers_a_step = like.shape[0] * like.shape[2:].numel()
        self._of = of
        self._length = max(1, BLOCK_NUMBERS // max(1, numbers_a_step))
        self._start = like.shape[1]
        self._values: list[Value] = []

    def at(self, t: int) -> Value:
        """Return the value of step `t`."""
        # Steps are asked for from last to first, so the block before is always the next one.
        if t < self._start:
            begin, end = max(0, self._start - self._length), self._start
            self._values, self._start = self._of(slice(begin, end)), begin
        return self._values[t - self._start]


def buffer_from(first: Tensor, n_steps: int) -> Tensor:
    """Return room for `n_steps` states after the initial one, `first`."""
    made = first.new_empty(first.shape[0], n_steps + 1, *first.shape[1:])
    made[:, 0] = first
    return made


def over_batch(weights: Tensor | None) -> Tensor:
    """Return the weights of each direction, broadcast over its batch."""
    assert weights is not None
    return weights.unsqueeze(1)


def over_steps(weights: Tensor | None) -> Tensor:
    """Return the weights of each direction, broadcast over its steps and batch."""
    assert weights is not None
    return weights[:, None, None]


def add_product_(target: Tensor, left: Tensor, right: Tensor) -> None:
    """Add `left @ right` to `target`, a product for each direction."""
    if len(target) == 1:  # the batched product is slower for one
        target[0].addmm_(left[0], right[0])
    else:
        target.baddbmm_(left, right)


def product_plus(base: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """Return `left @ right + base`, a product for each direction; a `base` of None is 0."""
    if base is None:
        return torch.bmm(left, right)
    if len(base) == 1:
        return torch.addmm(base[0], left[0], right[0]).unsqueeze(0)
    return torch.baddbmm(base, left, right)


def summed_products(left: Tensor, right: Tensor) -> Tensor:
    """Return the sum over time and batch of each feature of `left` times each of `right`: (direction left right)."""
    # As matrix products over flattened steps, one for each direction: far fewer and larger than one a step.
    return torch.stack([(other.flatten(0, 1).t() @ one.flatten(0, 1)).t() for one, other in zip(left, right, strict=True)])


def normalised(values: Tensor, *, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return `values` with mean 0 and deviation 1 over the features, and the factor."""
    normal, _, scale = torch.native_layer_norm(values, values.shape[-1:], None, None, epsilon)
    return normal, scale.squeeze(-1)


def normalised_backward(gradient: Tensor, normal: Tensor, scale: Tensor) -> Tensor:
    """Return the gradient of the values that were normalised, from that of the `normal` ones."""
    # The two subtracted terms remove what changes the mean and the deviation, which normalising made constant.
    along = (gradient * normal).mean(-1, keepdim=True)
    return scale.unsqueeze(-1) * (gradient - gradient.mean(-1, keepdim=True) - normal * along)
