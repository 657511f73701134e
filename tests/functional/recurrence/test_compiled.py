"""The compiled library computes what the loops compute, for every form, and is left alone where it cannot."""

import itertools
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.functional.native import without_libraries
from seqlab.functional.native.compiler import find_compiler
from seqlab.functional.recurrence import compiled
from seqlab.functional.recurrence.activations import ACTIVATIONS
from seqlab.functional.recurrence.gru import scan_gru
from seqlab.functional.recurrence.gru_steps import GruForm
from seqlab.functional.recurrence.lstm import scan_lstm
from seqlab.functional.recurrence.lstm_variant import LstmForm, LstmWeights
from seqlab.functional.recurrence.noise import Noise
from seqlab.functional.recurrence.rnn import scan_rnn

N_DIRECTIONS, N_STEPS, N_RECORDS = 2, 5, 9
SIGMOID, TANH = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is installed")


def random(*shape: int) -> Tensor:
    return (torch.randn(*shape) / shape[-1] ** 0.5).requires_grad_()


def noises(hidden_width: int, cell_width: int) -> dict[str, Noise]:
    lead = (N_DIRECTIONS, N_STEPS, N_RECORDS)
    drawn = [(torch.rand(*lead, width) < 0.3).float() for width in (hidden_width, cell_width)]
    return {
        "quiet": Noise(),
        "drawn": Noise(torch.rand(N_DIRECTIONS, N_RECORDS, hidden_width), *drawn),
        "mean": Noise(None, 0.1, 0.2),
    }


def assert_library_equals_loop(scan: Callable[[], tuple[Tensor, ...]], tensors: list[Tensor], *, tolerance: float) -> None:
    """Values and gradients agree, in float32, whichever of the outputs the loss sees."""

    def run() -> list[Tensor]:
        outputs = scan()
        found = list(outputs)
        for seen in (outputs, *((one,) for one in outputs)):
            loss = sum(torch.sin(2 * one).sum() for one in seen)
            found += torch.autograd.grad(loss, tensors, retain_graph=True, allow_unused=True, materialize_grads=True)
        return found

    assert compiled.is_usable(tensors[0])
    found = run()
    with without_libraries():
        assert not compiled.is_usable(tensors[0])
        expected = run()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=tolerance * max(1, other.abs().max().item()), rtol=0)


GATES = ("own", "none", "coupled")


@needs_compiler
@pytest.mark.parametrize("cells_per_block", [1, 2])
@pytest.mark.parametrize("extras", list(itertools.product([False, True], repeat=3)), ids=str)
@pytest.mark.parametrize("forget_gate", GATES)
def test_lstm(forget_gate: str, extras: tuple[bool, bool, bool], cells_per_block: int) -> None:
    noise_name = ("quiet", "drawn", "mean")[(sum(extras) + GATES.index(forget_gate) + cells_per_block) % 3]  # each with each
    has_peepholes, has_projection, is_normalised = extras
    form = LstmForm(
        n_blocks=33 // cells_per_block,
        cells_per_block=cells_per_block,
        has_forget_gate=forget_gate != "none",
        is_coupled=forget_gate == "coupled",
        gate=SIGMOID,
        candidate=TANH,
        output=TANH,
        epsilon=1e-5,
    )
    cells, width = form.width, 17 if has_projection else form.width
    weights = LstmWeights(
        recurrent=random(N_DIRECTIONS, form.gate_width, width),
        peepholes=random(N_DIRECTIONS, form.n_input_gates + 1, cells) if has_peepholes else None,
        projection=random(N_DIRECTIONS, width, cells) if has_projection else None,
        gain=random(N_DIRECTIONS, form.gate_width) if is_normalised else None,
        input_gain=random(N_DIRECTIONS, form.gate_width) if is_normalised else None,
        bias=random(N_DIRECTIONS, form.gate_width) if is_normalised else None,
        cell_gain=random(N_DIRECTIONS, cells) if is_normalised else None,
        cell_bias=random(N_DIRECTIONS, cells) if is_normalised else None,
    )
    inputs = random(N_DIRECTIONS, N_STEPS, N_RECORDS, form.gate_width)
    hidden, cell = random(N_DIRECTIONS, N_RECORDS, width), random(N_DIRECTIONS, N_RECORDS, cells)
    present = [tensor for field in fields(weights) if (tensor := getattr(weights, field.name)) is not None]
    noise = noises(width, cells)[noise_name]
    assert_library_equals_loop(
        lambda: scan_lstm(inputs.clone(), hidden, cell, weights, form=form, noise=noise),
        [inputs, hidden, cell, *present],
        tolerance=2e-5,
    )


@needs_compiler
@pytest.mark.parametrize("noise_name", ["quiet", "drawn", "mean"])
@pytest.mark.parametrize("width", [3, 40])
@pytest.mark.parametrize(("resets_after", "has_bias"), [(True, True), (True, False), (False, False)])
def test_gru(resets_after: bool, has_bias: bool, width: int, noise_name: str) -> None:
    form, noise = GruForm(resets_after=resets_after, gate=SIGMOID, candidate=TANH), noises(width, width)[noise_name]
    inputs, hidden = random(N_DIRECTIONS, N_STEPS, N_RECORDS, 3 * width), random(N_DIRECTIONS, N_RECORDS, width)
    recurrent, bias = random(N_DIRECTIONS, 3 * width, width), random(N_DIRECTIONS, width) if has_bias else None
    tensors = [inputs, hidden, recurrent] + ([bias] if bias is not None else [])
    assert_library_equals_loop(
        lambda: (scan_gru(inputs.clone(), hidden, recurrent, bias, form=form, noise=noise),), tensors, tolerance=5e-6
    )


@needs_compiler
@pytest.mark.parametrize("noise_name", ["quiet", "drawn", "mean"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_rnn(activation: str, noise_name: str) -> None:
    noise, width = noises(40, 40)[noise_name], 40
    inputs, hidden = random(N_DIRECTIONS, N_STEPS, N_RECORDS, width), random(N_DIRECTIONS, N_RECORDS, width)
    recurrent = random(N_DIRECTIONS, width, width)
    assert_library_equals_loop(
        lambda: (scan_rnn(inputs.clone(), hidden, recurrent, activation=ACTIVATIONS[activation], noise=noise),),
        [inputs, hidden, recurrent],
        tolerance=5e-6,
    )


def gru_outputs(n_records: int, *, n_threads: int) -> Tensor:
    form = GruForm(resets_after=True, gate=SIGMOID, candidate=TANH)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inputs, recurrent = torch.randn(1, 6, 23, 60), torch.randn(1, 60, 20)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        hidden = torch.zeros(1, n_records, 20)
        return scan_gru(inputs[:, :, :n_records].clone(), hidden, recurrent, None, form=form, noise=Noise())
    finally:
        torch.set_num_threads(before)


@needs_compiler
def test_a_records_numbers_are_the_same_bit_for_bit_in_any_batch_on_any_number_of_threads() -> None:
    whole = gru_outputs(23, n_threads=1)
    for n_records in (1, 2, 8, 13):
        assert torch.equal(gru_outputs(n_records, n_threads=1), whole[:, :, :n_records])
    for n_threads in (2, 3, 7):
        assert torch.equal(gru_outputs(23, n_threads=n_threads), whole)


@needs_compiler
def test_no_number_is_lost() -> None:
    """What is not a number stays so, and what is huge saturates."""
    inputs = torch.tensor([torch.nan, 1e30, -1e30, 0.1]).view(1, 1, 4, 1)
    states = torch.zeros(1, 4, 1)
    found = scan_rnn(inputs, states, torch.zeros(1, 1, 1), activation=TANH, noise=Noise()).flatten()
    assert found[0].isnan()
    assert found[1:3].tolist() == [1.0, -1.0]
    torch.testing.assert_close(found[3], torch.tanh(torch.tensor(0.1)))


@needs_compiler
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_functions_are_as_exact_as_torchs(name: str) -> None:
    x = torch.cat([torch.linspace(-90, 90, 4001), torch.logspace(-8, 0, 999)]).view(1, 1, -1, 1)
    states = torch.zeros(1, x.shape[2], 1)
    found = scan_rnn(x.clone(), states, torch.zeros(1, 1, 1), activation=ACTIVATIONS[name], noise=Noise()).flatten()
    expected = getattr(torch, name)(x.double()).flatten()
    assert ((found.double() - expected).abs() / expected.abs().clamp(min=1e-30)).nan_to_num().max() < 1e-6


def test_only_float32_on_a_cpu_is_taken() -> None:
    assert not compiled.is_usable(torch.zeros(1, dtype=torch.double))
    assert not compiled.is_usable(torch.zeros(1, device="meta"))


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "hidden": ({"hidden": torch.zeros(2, 9, 4, dtype=torch.double)}, "hidden is torch.float64 on cpu; expected torch.float32"),
    "device": (
        {"hidden": torch.zeros(2, 9, 4, device="meta")},
        "hidden is torch.float32 on meta; expected torch.float32 on cpu",
    ),
    "mask": ({"noise": Noise(torch.ones(2, 9, 3))}, r"recurrent has the shape \(2, 9, 3\); expected \(2, 9, 4\)"),
    "zone": (
        {"noise": Noise(None, torch.ones(2, 4, 9, 4))},
        r"hidden_zone has the shape \(2, 4, 9, 4\); expected \(2, 5, 9, 4\)",
    ),
}


@needs_compiler
@pytest.mark.parametrize("case", MISFITS)
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_arrays_that_do_not_fit_are_refused(kind: str, case: str) -> None:
    changes, message = MISFITS[case]
    given = {"hidden": torch.zeros(2, 9, 4), "noise": Noise(), **changes}
    hidden, noise, gru = given["hidden"], given["noise"], GruForm(resets_after=False, gate=SIGMOID, candidate=TANH)
    lstm = LstmForm(4, 1, has_forget_gate=True, is_coupled=False, gate=SIGMOID, candidate=TANH, output=TANH, epsilon=0.0)
    inputs = {name: torch.zeros(2, 5, 9, n * 4) for name, n in {"rnn": 1, "gru": 3, "lstm": 4}.items()}
    weights = {name: torch.zeros(2, n * 4, 4) for name, n in {"rnn": 1, "gru": 3, "lstm": 4}.items()}
    scans: dict[str, Callable[[], object]] = {
        "rnn": lambda: scan_rnn(inputs["rnn"], hidden, weights["rnn"], activation=TANH, noise=noise),
        "gru": lambda: scan_gru(inputs["gru"], hidden, weights["gru"], None, form=gru, noise=noise),
        "lstm": lambda: scan_lstm(
            inputs["lstm"], hidden, torch.zeros(2, 9, 4), LstmWeights(weights["lstm"]), form=lstm, noise=noise
        ),
    }
    with pytest.raises(ValueError, match=f"scan_{kind}: .*{message}"):
        scans[kind]()
