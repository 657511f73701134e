"""Captured programs keep kernels whole, as operators that torch finds consistent, and give the same numbers."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.functional.alignment import ctc_topology, sums
from seqlab.functional.linear_chain import loss
from seqlab.functional.linear_chain.posterior import _MARGINALS
from seqlab.functional.linear_chain.viterbi import _OPERATOR as VITERBI
from seqlab.functional.native import Operator
from seqlab.functional.recurrence import gru, lstm, rnn

pytestmark = pytest.mark.slow
LENGTHS = torch.tensor([4, 0, 2])


def random(*shape: int) -> Tensor:
    return torch.randn(*shape).requires_grad_()


def chain_scores() -> list[Tensor]:
    return [random(3, 4, 5), random(5, 5), random(5), random(5)]


def topology_parts() -> list[Tensor]:
    topology = ctc_topology(torch.tensor([[1, 2], [1, 1], [2, 1]]), torch.tensor([2, 0, 1]), blank=0)
    return [getattr(topology, name) for name in sums._TOPOLOGY]


def operators() -> dict[str, tuple[Operator, list[Any]]]:
    """Return each operator, and arguments of the least and of the most that it takes."""
    lead, states = (2, 3, 4), random(2, 4, 5)
    none, noise = [None] * 5, [torch.rand(2, 4, 5), torch.rand(*lead, 5), torch.rand(*lead, 5), None, None]
    normal = [random(2, 3, 5), random(2, 5, 5), random(2, 20), random(2, 20), random(2, 20), random(2, 5), random(2, 5)]
    kind = [5, 1, True, False, "sigmoid", "tanh", "tanh", 1e-5]
    return {
        "rnn": (rnn._OPERATOR, [random(*lead, 5), states, random(2, 5, 5), *none, "tanh"]),
        "rnn-noise": (rnn._OPERATOR, [random(*lead, 5), states, random(2, 5, 5), *noise, "relu"]),
        "gru": (gru._OPERATOR, [random(*lead, 15), states, random(2, 15, 5), None, *none, False, "sigmoid", "tanh"]),
        "gru-noise": (
            gru._OPERATOR,
            [random(*lead, 15), states, random(2, 15, 5), random(2, 5), *noise, True, "sigmoid", "tanh"],
        ),
        "lstm": (
            lstm._OPERATOR,
            [random(*lead, 20), states, random(2, 4, 5), random(2, 20, 5), *[None] * 7, *none[:3], 0.1, 0.2, *kind],
        ),
        "lstm-noise": (
            lstm._OPERATOR,
            [random(*lead, 20), states, random(2, 4, 5), random(2, 20, 5), *normal, *noise, *kind],
        ),
        "log-partition": (loss._PARTITION, [*chain_scores(), LENGTHS]),
        "chain-loss": (loss._LOSS, [*chain_scores(), LENGTHS, torch.randint(5, (3, 4))]),
        "viterbi": (VITERBI, [*(one.detach() for one in chain_scores()), LENGTHS]),
        "marginals": (_MARGINALS, [*(one.detach() for one in chain_scores()), LENGTHS]),
        "alignments": (sums._OPERATOR, [torch.randn(3, 4, 3).log_softmax(2).requires_grad_(), LENGTHS, *topology_parts()]),
    }


@pytest.mark.parametrize("name", operators())
def test_torch_finds_the_operators_consistent(name: str) -> None:
    operator, arguments = operators()[name]
    results = torch.library.opcheck(operator.forward, arguments)
    assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("name", sorted(operators().keys() - {"viterbi", "marginals"}))  # in one order in every process
def test_torch_finds_their_backward_operators_consistent(name: str) -> None:
    operator, arguments = operators()[name]
    outputs = operator.forward(*arguments)
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    needed = [isinstance(one, Tensor) and one.requires_grad for one in arguments]
    given = [one.detach() if isinstance(one, Tensor) else one for one in arguments]
    gradients = [torch.ones_like(one) for one in outputs]
    checks = ("test_schema", "test_faketensor", "test_aot_dispatch_dynamic")
    results = torch.library.opcheck(operator.backward, [gradients, needed, *given], test_utils=checks)
    assert set(results.values()) == {"SUCCESS"}


def test_captured_programs_have_the_numbers_of_eager_code() -> None:
    """In a process of its own: types that are checked at run time, as in tests, cannot be captured."""
    script = Path(__file__).with_name("capture_kernels.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
