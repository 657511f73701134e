import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seqlab.functional.padding import last_steps, reverse_steps

LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=5)


def numbered(lengths: list[int], *, n_steps: int) -> Tensor:
    """Value = record, step, feature as digits: 120 is feature 0 of step 2 of record 1."""
    record, step, feature = torch.meshgrid(torch.arange(len(lengths)), torch.arange(n_steps), torch.arange(2), indexing="ij")
    return (100 * record + 10 * step + feature).float()


@given(LENGTHS, st.integers(0, 2))
def test_reverse_turns_real_steps_around_and_leaves_padding(lengths: list[int], n_more: int) -> None:
    values = numbered(lengths, n_steps=max(1, *lengths) + n_more)
    found = reverse_steps(values, torch.tensor(lengths))
    for i, length in enumerate(lengths):
        assert torch.equal(found[i, :length], values[i, :length].flip(0))
        assert torch.equal(found[i, length:], values[i, length:])


@given(LENGTHS)
def test_reverse_gives_each_gradient_to_the_step_it_came_from(lengths: list[int]) -> None:
    values = numbered(lengths, n_steps=max(1, *lengths)).requires_grad_()
    upstream = numbered(lengths, n_steps=max(1, *lengths)) + 0.5
    (reverse_steps(values, torch.tensor(lengths)) * upstream).sum().backward()
    assert torch.equal(values.grad, reverse_steps(upstream, torch.tensor(lengths)))


def test_reverse_takes_values_that_lie_apart_in_memory() -> None:
    values = torch.randn(3, 2, 4).transpose(0, 1).requires_grad_()
    found = reverse_steps(values, torch.tensor([3, 2]))
    assert torch.equal(found[0], values[0].flip(0))
    found.transpose(1, 2).sum().backward()


@given(LENGTHS)
def test_last_steps_are_the_last_real_ones_and_zero_for_empty_records(lengths: list[int]) -> None:
    values = numbered(lengths, n_steps=max(1, *lengths)) + 1
    found = last_steps(values, torch.tensor(lengths))
    for i, length in enumerate(lengths):
        expected = values[i, length - 1] if length else torch.zeros(2)
        assert torch.equal(found[i], expected)
