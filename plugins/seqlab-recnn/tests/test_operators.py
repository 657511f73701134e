"""Captured programs keep the functions over forests whole, as operators that torch finds consistent."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from seqlab_recnn.compositions import lstm_compiled, recursive_compiled
from seqlab_recnn.compositions.compiled import Rows
from torch import Tensor

from seqlab.functional.native import Operator

pytestmark = pytest.mark.slow
ROWS = Rows(
    children=torch.tensor([0, 1, 3, 2]),  # ((0 1) 2)
    parents=torch.tensor([3, 3, 4, 4]),
    owners=torch.zeros(5, dtype=torch.int64),
    lengths=torch.tensor([5]),
    productions=torch.tensor([0, 0, 0, 1, 0]),
    level_ends=[3, 4, 5],
)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape).requires_grad_()


def operators() -> dict[str, tuple[Operator, list[Any]]]:
    """Return each operator, and arguments of the least and of the most that it takes."""
    lstm, recursive = lstm_compiled._OPERATOR, recursive_compiled._OPERATOR
    by_place, summed = [random(8, 20), random(20), None, None], [random(12, 4), random(12), random(4, 4), random(4)]
    return {
        "lstm by place": (lstm, [*ROWS, 2, None, random(3, 12), *by_place]),
        "lstm of sums": (lstm, [*ROWS, 0, torch.rand(5, 4), random(3, 12), *summed]),
        "recursive": (recursive, [*ROWS, 2, 0, None, random(3, 4), random(1, 2, 4, 4), random(1, 4)]),
        "recursive by production": (recursive, [*ROWS, 2, 1, torch.rand(5, 4), random(3, 4), random(2, 2, 4, 4), random(2, 4)]),
    }


@pytest.mark.parametrize("name", operators())
def test_torch_finds_the_operators_consistent(name: str) -> None:
    operator, arguments = operators()[name]
    results = torch.library.opcheck(operator.forward, arguments)
    assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("name", operators())
def test_torch_finds_their_backward_operators_consistent(name: str) -> None:
    operator, arguments = operators()[name]
    needed = [isinstance(one, Tensor) and one.requires_grad for one in arguments]
    given = [one.detach() if isinstance(one, Tensor) else one for one in arguments]
    gradients = [torch.ones_like(operator.forward(*arguments))]
    checks = ("test_schema", "test_faketensor", "test_aot_dispatch_dynamic")
    results = torch.library.opcheck(operator.backward, [gradients, needed, *given], test_utils=checks)
    assert set(results.values()) == {"SUCCESS"}


def test_captured_programs_have_the_numbers_of_eager_code() -> None:
    """In a process of its own: types that are checked at run time, as in tests, cannot be captured."""
    script = Path(__file__).with_name("capture_trees.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
