from itertools import pairwise

import pytest
import torch
from torch import Tensor

from seqlab.training.hessian_free.conjugate_gradients import solve


def _positive(n: int) -> Tensor:
    root = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    return root @ root.T + torch.eye(n, dtype=torch.float64)


@pytest.mark.parametrize("is_scaled", [False, True])
@pytest.mark.parametrize("is_warm", [False, True])
def test_a_quadratic_of_n_weights_is_solved_in_n_products(is_scaled: bool, is_warm: bool) -> None:
    matrix, n_products = _positive(6), 0
    target = torch.arange(6, dtype=torch.float64) - 2.5
    start = torch.ones(6, dtype=torch.float64) * is_warm

    def product(vector: Tensor) -> Tensor:
        nonlocal n_products
        n_products += 1
        return matrix @ vector

    scale = matrix.diagonal() if is_scaled else None
    found = solve(product, target, start=start, scale=scale, tolerance=0.0, max_iterations=6)
    assert n_products <= 6 + is_warm  # the product with the start is one more
    torch.testing.assert_close(found[-1].solution, torch.linalg.solve(matrix, target))
    value = 0.5 * found[-1].solution @ matrix @ found[-1].solution - target @ found[-1].solution
    assert found[-1].value == pytest.approx(float(value))
    assert all(later.value < earlier.value for earlier, later in pairwise(found))


def test_iterations_that_gain_little_are_the_last() -> None:
    # eigenvalues over six orders of magnitude: without the rule all 200 iterations would run
    matrix = torch.diag(torch.logspace(-6, 0, 400, dtype=torch.float64))
    n_products = 0

    def product(vector: Tensor) -> Tensor:
        nonlocal n_products
        n_products += 1
        return matrix @ vector

    target = matrix @ torch.ones(400, dtype=torch.float64)
    solve(product, target, start=torch.zeros_like(target), tolerance=5e-4, max_iterations=200)
    assert 10 < n_products < 60


def test_negative_curvature_ends_the_search() -> None:
    matrix = torch.diag(torch.tensor([2.0, -1.0], dtype=torch.float64))
    target = torch.tensor([1.0, 0.1], dtype=torch.float64)
    *_, last = solve(lambda vector: matrix @ vector, target, start=torch.zeros_like(target), tolerance=0.0)
    assert last.value < 0
    assert float(target @ last.solution) > 0  # along which the linear part falls
    (first,) = solve(lambda vector: -vector, target, start=torch.zeros_like(target))
    torch.testing.assert_close(first.solution, target)
