"""Comparisons shared by several contracts: state, gradients, and outputs at real steps."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from seqlab.steps import Steps
from seqlab.testing.ragged import PADDINGS, padded_with

Module = TypeVar("Module", bound=nn.Module)
TOLERANCE = 1e-5


def seeded(make: Callable[[], Module], *, seed: int = 0) -> Module:
    """Call `make` with a fixed random seed, and return the result in evaluation mode; the caller's random state is restored."""
    # Parts are made on the CPU, so the state of no GPU needs to be kept.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().eval()


def assert_same(found: Tensor, expected: Tensor, *, what: str) -> None:
    """Assert that two tensors are equal to 1e-5."""
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=TOLERANCE, msg=lambda text: f"{what}: {text}")


def assert_same_steps(found: Steps, expected: Steps, *, what: str) -> None:
    """Assert that two outputs agree at real steps and in their summaries; amount and values of padding may differ."""
    assert found.lengths.tolist() == expected.lengths.tolist(), f"{what}: lengths differ"
    for i, length in enumerate(expected.lengths.tolist()):
        assert_same(found.values[i, :length], expected.values[i, :length], what=f"{what}, record {i}")
    assert (found.summary is None) == (expected.summary is None), f"{what}: one has a summary, the other none"
    if found.summary is not None and expected.summary is not None:
        assert_same(found.summary, expected.summary, what=f"{what}, summary")


def probe(steps: Steps) -> Tensor:
    """Return a weighted sum of all real values and the summary, so that its gradient depends on each of them."""
    total = torch.zeros(())
    for row, length in zip(steps.values, steps.lengths.tolist(), strict=True):
        total = total + _weighted_sum(row[:length])
    return total if steps.summary is None else total + _weighted_sum(steps.summary)


def _weighted_sum(values: Tensor) -> Tensor:
    # Distinct weights, so that swapped or summed values do not cancel out.
    weights = torch.cos(torch.arange(values.numel(), dtype=values.dtype) * 0.7 + 0.3)
    return (values.flatten() * weights).sum()


def gradients(part: nn.Module, loss: Tensor) -> dict[str, Tensor | None]:
    """Return the gradient of `loss` with respect to each trainable parameter; None if it does not depend on it."""
    trainable = {name: p for name, p in part.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss, list(trainable.values()), allow_unused=True) if trainable else ()
    return dict(zip(trainable, found, strict=True))


def assert_all_learn(found: Mapping[str, Tensor | None]) -> None:
    """Assert that every parameter has a gradient that is finite and not all zero."""
    for name, gradient in found.items():
        assert gradient is not None, f"parameter {name} gets no gradient"
        assert bool(gradient.isfinite().all()), f"the gradient of {name} is not finite"
        assert bool(gradient.any()), f"the gradient of {name} is zero everywhere"


def assert_padding_is_ignored(part: nn.Module, loss_of: Callable[[Steps], Tensor], steps: Steps) -> None:
    """Assert that padding values change neither the loss nor its gradients, and that padding steps get no gradient."""

    def outcome(steps: Steps) -> tuple[Tensor, dict[str, Tensor | None], Tensor]:
        values = steps.values.clone().requires_grad_()
        watched = steps.with_values(values)
        loss = loss_of(watched)
        # The loss of a head that learns by counting has no gradient.
        of_input = torch.zeros_like(values)
        if loss.requires_grad:
            (of_input,) = torch.autograd.grad(loss, values, materialize_grads=True)
        return loss, gradients(part, loss_of(watched)), of_input  # anew, since the first pass has freed its graph

    loss, expected, expected_input = outcome(steps)
    assert not expected_input[~steps.mask].any(), "padding steps get a gradient"
    for padding in PADDINGS:
        what = f"padding {padding}"
        found_loss, found, found_input = outcome(padded_with(steps, padding))
        assert_same(found_loss, loss, what=f"{what}, loss")
        for name, gradient in expected.items():
            other = found[name]
            assert (gradient is None) == (other is None), f"{what}: {name} has a gradient in only one of them"
            if gradient is not None and other is not None:
                assert_same(other, gradient, what=f"{what}, gradient of {name}")
        assert_same(found_input, expected_input, what=f"{what}, gradient of the input")


def assert_reloads(make: Callable[[], Module], outputs: Callable[[Module], Iterable[Tensor]]) -> None:
    """Assert that a part made with another seed gives identical outputs after loading the first one's `state_dict`."""
    # Of another seed, so that what the state dict lacks differs.
    first, second = seeded(make, seed=0), seeded(make, seed=1)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    for found, expected in zip(outputs(second), outputs(first), strict=True):
        torch.testing.assert_close(found, expected, atol=0, rtol=0, msg=lambda text: f"after load_state_dict: {text}")
