"""Every scan equals a reference that takes one record through the equations, in values and in all gradients."""

import itertools
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeAlias

import pytest
import torch
from torch import Tensor

from seqlab.errors import ConfigError
from seqlab.functional.recurrence import buffers
from seqlab.functional.recurrence.activations import ACTIVATIONS, get_activation
from seqlab.functional.recurrence.gru import scan_gru
from seqlab.functional.recurrence.gru_steps import GruForm
from seqlab.functional.recurrence.lstm import scan_lstm
from seqlab.functional.recurrence.lstm_variant import LstmForm, LstmWeights
from seqlab.functional.recurrence.noise import Noise
from seqlab.functional.recurrence.rnn import scan_rnn

N_DIRECTIONS, N_STEPS, N_RECORDS = 2, 4, 3
Reference: TypeAlias = Callable[..., Any]


def random(*shape: int) -> Tensor:
    return (torch.randn(*shape, dtype=torch.double) / 2).requires_grad_()  # small, so that no activation explodes


def noises(hidden_width: int, cell_width: int) -> dict[str, Noise]:
    lead = (N_DIRECTIONS, N_STEPS, N_RECORDS)
    mask = (torch.rand(N_DIRECTIONS, N_RECORDS, hidden_width) < 0.5).double() * 2
    drawn = [(torch.rand(*lead, width) < 0.3).double() for width in (hidden_width, cell_width)]
    return {"quiet": Noise(), "drawn": Noise(mask, *drawn), "mean": Noise(None, 0.1, 0.2)}


def present(weights: LstmWeights) -> list[Tensor]:
    return [tensor for field in fields(weights) if (tensor := getattr(weights, field.name)) is not None]


def assert_equal_with_gradients(
    found: Callable[[], tuple[Tensor, ...]], expected: Callable[[], tuple[Tensor, ...]], tensors: list[Tensor]
) -> None:
    """Values and gradients agree, whether the loss sees all of the outputs or one of them alone."""

    def gradients(outputs: tuple[Tensor, ...], seen: tuple[int, ...]) -> tuple[Tensor, ...]:
        loss = sum(torch.sin((2 + i) * outputs[i]).sum() for i in seen)
        return torch.autograd.grad(loss, tensors, allow_unused=True, materialize_grads=True, retain_graph=True)

    right = expected()
    for seen in {tuple(range(len(right))), *((i,) for i in range(len(right)))}:
        values = found()
        for one, other in zip((*values, *gradients(values, seen)), (*right, *gradients(right, seen)), strict=True):
            torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


@pytest.fixture(params=["quiet", "drawn", "mean"])
def noise_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


SIGMOID, TANH = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]
EXTRAS = ("peepholes", "projection", "norm")


def lstm_form(
    forget_gate: str = "own", cells_per_block: int = 1, *, gate: str = "sigmoid", candidate: str = "tanh", output: str = "tanh"
) -> LstmForm:
    return LstmForm(
        n_blocks=3,
        cells_per_block=cells_per_block,
        has_forget_gate=forget_gate != "none",
        is_coupled=forget_gate == "coupled",
        gate=ACTIVATIONS[gate],
        candidate=ACTIVATIONS[candidate],
        output=ACTIVATIONS[output],
        epsilon=1e-5,
    )


def lstm_problem(form: LstmForm, extras: tuple[str, ...]) -> tuple[Tensor, Tensor, Tensor, LstmWeights]:
    width = 2 if "projection" in extras else form.width
    weights = LstmWeights(
        recurrent=random(N_DIRECTIONS, form.gate_width, width),
        peepholes=random(N_DIRECTIONS, form.n_input_gates + 1, form.width) if "peepholes" in extras else None,
        projection=random(N_DIRECTIONS, width, form.width) if "projection" in extras else None,
        gain=random(N_DIRECTIONS, form.gate_width) if "norm" in extras else None,
        input_gain=random(N_DIRECTIONS, form.gate_width) if "norm" in extras else None,
        bias=random(N_DIRECTIONS, form.gate_width) if "norm" in extras else None,
        cell_gain=random(N_DIRECTIONS, form.width) if "norm" in extras else None,
        cell_bias=random(N_DIRECTIONS, form.width) if "norm" in extras else None,
    )
    inputs = random(N_DIRECTIONS, N_STEPS, N_RECORDS, form.gate_width)
    return inputs, random(N_DIRECTIONS, N_RECORDS, width), random(N_DIRECTIONS, N_RECORDS, form.width), weights


def check_lstm(reference: Reference, form: LstmForm, extras: tuple[str, ...], noise_name: str) -> None:
    x, h, c, weights = lstm_problem(form, extras)
    noise = noises(h.shape[2], form.width)[noise_name]
    assert_equal_with_gradients(
        lambda: scan_lstm(x.clone(), h, c, weights, form=form, noise=noise),
        lambda: reference(x, h, c, weights, form=form, noise=noise),
        [x, h, c, *present(weights)],
    )


@pytest.mark.parametrize("cells_per_block", [1, 2])
@pytest.mark.parametrize("extras", [e for n in range(4) for e in itertools.combinations(EXTRAS, n)], ids="+".join)
@pytest.mark.parametrize("forget_gate", ["own", "none", "coupled"])
def test_lstm_equals_its_equations(
    lstm_reference: Reference, forget_gate: str, extras: tuple[str, ...], cells_per_block: int
) -> None:
    noise_name = ("quiet", "drawn")[(len(extras) + len(forget_gate) + cells_per_block) % 2]  # each with each of the others
    check_lstm(lstm_reference, lstm_form(forget_gate, cells_per_block), extras, noise_name)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("role", ["gate", "candidate", "output"])
def test_lstm_takes_any_activation_in_any_role(lstm_reference: Reference, role: str, name: str) -> None:
    check_lstm(lstm_reference, lstm_form(**{role: name}), ("peepholes",), "quiet")


def test_lstm_takes_the_mean_of_zoneout(lstm_reference: Reference) -> None:
    check_lstm(lstm_reference, lstm_form(), ("peepholes",), "mean")


def check_gru(reference: Reference, *, resets_after: bool, has_bias: bool, noise_name: str) -> None:
    form = GruForm(resets_after=resets_after, gate=SIGMOID, candidate=TANH)
    x, h, w = random(N_DIRECTIONS, N_STEPS, N_RECORDS, 6), random(N_DIRECTIONS, N_RECORDS, 2), random(N_DIRECTIONS, 6, 2)
    bias = random(N_DIRECTIONS, 2) if has_bias else None
    noise = noises(2, 2)[noise_name]
    assert_equal_with_gradients(
        lambda: (scan_gru(x.clone(), h, w, bias, form=form, noise=noise),),
        lambda: (reference(x, h, w, bias, form=form, noise=noise),),
        [x, h, w] if bias is None else [x, h, w, bias],
    )


@pytest.mark.parametrize(("resets_after", "has_bias"), [(True, True), (True, False), (False, False)])
def test_gru_equals_its_equations(gru_reference: Reference, resets_after: bool, has_bias: bool, noise_name: str) -> None:
    check_gru(gru_reference, resets_after=resets_after, has_bias=has_bias, noise_name=noise_name)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_rnn_equals_its_equation(rnn_reference: Reference, activation: str, noise_name: str) -> None:
    x, h, w = random(N_DIRECTIONS, N_STEPS, N_RECORDS, 3), random(N_DIRECTIONS, N_RECORDS, 3), random(N_DIRECTIONS, 3, 3)
    noise = noises(3, 3)[noise_name]
    assert_equal_with_gradients(
        lambda: (scan_rnn(x.clone(), h, w, activation=ACTIVATIONS[activation], noise=noise),),
        lambda: (rnn_reference(x, h, w, activation=activation, noise=noise),),
        [x, h, w],
    )


@pytest.mark.parametrize("block_numbers", [1, 40, 10_000])
def test_slopes_are_the_same_in_blocks_of_any_length(
    lstm_reference: Reference, gru_reference: Reference, block_numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "BLOCK_NUMBERS", block_numbers)
    check_lstm(lstm_reference, lstm_form(), ("peepholes",), "drawn")
    check_gru(gru_reference, resets_after=True, has_bias=True, noise_name="drawn")


def checked(scan: Callable[..., object], *tensors: Tensor) -> bool:
    return torch.autograd.gradcheck(scan, tensors, fast_mode=True)  # random directions, not each number


@pytest.mark.parametrize("extras", [(), EXTRAS], ids=["plain", "all"])
def test_lstm_passes_gradcheck(extras: tuple[str, ...]) -> None:
    form = lstm_form(cells_per_block=2)
    x, h, c, weights = lstm_problem(form, extras)
    assert checked(
        lambda x, h, c, *w: scan_lstm(x.clone(), h, c, weights, form=form, noise=Noise()), x, h, c, *present(weights)
    )


@pytest.mark.parametrize("resets_after", [True, False])
def test_gru_passes_gradcheck(resets_after: bool) -> None:
    form = GruForm(resets_after=resets_after, gate=SIGMOID, candidate=TANH)
    x, h, w = random(1, 3, 2, 6), random(1, 2, 2), random(1, 6, 2)
    bias = random(1, 2) if resets_after else None
    tensors = [x, h, w] if bias is None else [x, h, w, bias]
    assert checked(lambda x, h, w, *b: scan_gru(x.clone(), h, w, *(b or (None,)), form=form, noise=Noise()), *tensors)


def test_rnn_passes_gradcheck() -> None:
    x, h, w = random(1, 3, 2, 2), random(1, 2, 2), random(1, 2, 2)
    assert checked(lambda x, h, w: scan_rnn(x.clone(), h, w, activation=TANH, noise=Noise()), x, h, w)


def test_unknown_activation_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"activation is 'softsign'; expected one of tanh, sigmoid, relu, identity"):
        get_activation("softsign")
