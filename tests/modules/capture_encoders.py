"""Every encoder is exported with a dynamic batch and a dynamic time, and captured as one graph.

`test_captured.py` runs this file in a process of its own: types that are checked at run time cannot be captured.
"""

import copy
import io
import shutil
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, options_of, plain
from seqlab.encoders import GruCell, LstmCell, RecurrentEncoder, RnnCell
from seqlab.steps import Steps

pytestmark = pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated")  # torch does
OF_TREES = ("recnn", "rntn", "treegru", "treelstm")
OPTIONS = [option for option in options_of("encoder") if not option.startswith(OF_TREES)]
STACKS: list[dict[str, Any]] = [
    {"is_bidirectional": False},
    {"is_bidirectional": False, "reads_backwards": True, "is_stateful": True},
    {"merge": "none", "depth": 2, "connection": "highway", "initial_state": "learned"},
    {"merge": "max", "depth": 2, "stacking": "independent", "bptt_steps": 2},
]
CELLS = {cell.__name__: cell for cell in (LstmCell, GruCell, RnnCell)}
ONE_OF_EACH_FAMILY = {"window", "lstm", "gru", "min_gru"}
CASES = {option: (option, []) for option in OPTIONS} | {
    f"{option}-{number}": (option, [f"encoder.{name}={value}" for name, value in stack.items()])
    for option in ("lstm", "gru", "rnn")
    for number, stack in enumerate(STACKS)
}
PARAMETERS = [pytest.param(case, marks=[] if case in ONE_OF_EACH_FAMILY else pytest.mark.slow) for case in CASES]
OTHER_LENGTHS = [[1], [4, 9, 0, 9], [3, 2], [5, 5, 5, 5, 5]]


@pytest.fixture(autouse=True)
def _captures_anew() -> None:
    """Forget earlier captures, which count against a limit of recompilations."""
    torch.compiler.reset()


class Encode(nn.Module):
    """An encoder on tensors alone."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is real of the values, and the summary."""
        steps = self.encoder(Steps(values, lengths))
        return steps.zero_padded().values, steps.summary


def encode_of(case: str) -> Encode:
    option, overrides = CASES[case]
    small = [] if option in ("identity", "chain") else ["encoder.width=8"]
    settings = plain(compose([f"encoder={option}", *small, *overrides, "paths.run_dir=."]))["encoder"]
    torch.manual_seed(0)
    return Encode(build(settings, targets=known_targets(), path="encoder", input_width=5)).eval()


def reloaded(program: torch.export.ExportedProgram) -> nn.Module:
    stream = io.BytesIO()
    torch.export.save(program, stream)
    stream.seek(0)
    return torch.export.load(stream).module()


BATCH, TIME = torch.export.Dim("batch"), torch.export.Dim("time")


@pytest.mark.parametrize("case", PARAMETERS)
def test_an_exported_encoder_holds_for_other_shapes(case: str) -> None:
    encode, example = encode_of(case), (torch.randn(3, 7, 5), torch.tensor([7, 3, 0]))
    with torch.no_grad():
        program = torch.export.export(encode, example, dynamic_shapes=({0: BATCH, 1: TIME}, {0: BATCH}), strict=False)
    loaded = reloaded(program)
    for lengths in OTHER_LENGTHS:
        given = torch.randn(len(lengths), max(lengths), 5), torch.tensor(lengths)
        for found, expected in zip(loaded(*given), encode(*given), strict=True):
            torch.testing.assert_close(found, expected)


def test_steps_are_an_argument_of_an_exported_encoder() -> None:
    encoder, given = RecurrentEncoder(5, 8).eval(), Steps(torch.randn(3, 7, 5), torch.tensor([7, 3, 0]))
    shapes = torch.export.ShapesCollection()
    shapes[given.values], shapes[given.lengths] = {0: BATCH, 1: TIME}, {0: BATCH}
    loaded = reloaded(torch.export.export(encoder, (given,), dynamic_shapes=shapes, strict=False))
    other = Steps(torch.randn(2, 4, 5), torch.tensor([4, 1]))
    found, expected = loaded(other), encoder(other)
    torch.testing.assert_close(found.zero_padded().values, expected.zero_padded().values)
    torch.testing.assert_close(found.summary, expected.summary)


def results(encode: nn.Module, values: Tensor, lengths: Tensor) -> list[Tensor]:
    """Return outputs and gradients."""
    values.requires_grad_()
    outputs = encode(values, lengths)
    leaves = [values, *encode.parameters()]
    total = sum(output.sin().sum() for output in outputs)
    return [*outputs, *torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)]


@pytest.mark.parametrize("case", PARAMETERS)
def test_a_captured_encoder_has_the_numbers_of_eager_code(case: str) -> None:
    encode, given = encode_of(case), (torch.randn(3, 7, 5), torch.tensor([7, 3, 0]))
    captured = torch.compile(copy.deepcopy(encode), backend="eager", fullgraph=True)
    for found, expected in zip(results(captured, *given), results(encode, *given), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("option", ["lstm", "gru_2014", "window"])
def test_training_is_captured(option: str) -> None:
    """With dropout, whose masks are random: gradients are there and finite."""
    encode = encode_of(option).train()
    captured = torch.compile(encode, backend="eager", fullgraph=True)
    assert all(one.isfinite().all() for one in results(captured, torch.randn(3, 7, 5), torch.tensor([7, 3, 0])))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inductor's own
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler is installed")
@pytest.mark.parametrize("cell", CELLS)
def test_inductor_compiles_an_encoder_of_each_cell(cell: str) -> None:
    encode, given = Encode(RecurrentEncoder(5, 4, cell=CELLS[cell])).eval(), (torch.randn(3, 7, 5), torch.tensor([7, 3, 0]))
    compiled = torch.compile(encode, fullgraph=True)
    for found, expected in zip(results(compiled, *given), results(encode, *given), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("cell", CELLS)
def test_one_step_of_a_cell_is_captured(cell: str) -> None:
    made = CELLS[cell](3, 4)
    captured = torch.compile(made, backend="eager", fullgraph=True)
    inputs = torch.randn(2, 3)
    state = tuple(torch.randn(2, width) for width in made.state_widths.values())
    for found, expected in zip(captured(inputs, state), made(inputs, state), strict=True):
        torch.testing.assert_close(found, expected)


def test_autocast_in_a_captured_program_keeps_the_types_of_eager_code() -> None:
    encode, given = encode_of("lstm"), (torch.randn(3, 7, 5), torch.tensor([7, 3, 0]))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = torch.compile(encode, backend="eager", fullgraph=True)(*given)
    for one, exact in zip(found, encode(*given), strict=True):
        torch.testing.assert_close(one.float(), exact, atol=0.03, rtol=0.03)
