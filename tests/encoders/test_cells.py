"""Cells alone: equal to torch's, equal to their own runs over sequences, and to the textbook."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from seqlab.encoders import Cell, GruCell, LstmCell, RnnCell
from seqlab.encoders.cells.base import draw_noise
from seqlab.encoders.cells.initialisation import INITIALISATIONS, initialise
from seqlab.errors import ConfigError
from seqlab.functional.recurrence.noise import Noise

INPUTS, WIDTH = 3, 4
LSTM: dict[str, Any] = {
    "forget_gate": "own",
    "has_peepholes": False,
    "cells_per_block": 1,
    "projection_width": None,
    "is_normalised": False,
    "gate_activation": "sigmoid",
    "candidate_activation": "tanh",
    "output_activation": "tanh",
    "input_init": "glorot",
    "recurrent_init": "orthogonal",
    "forget_bias": 1.0,
    "recurrent_drop_prob": 0.0,
    "hidden_zone_prob": 0.0,
    "cell_zone_prob": 0.0,
}
GRU: dict[str, Any] = {
    "reset_placement": "after",
    "gate_activation": "sigmoid",
    "candidate_activation": "tanh",
    "input_init": "glorot",
    "recurrent_init": "orthogonal",
    "recurrent_drop_prob": 0.0,
    "hidden_zone_prob": 0.0,
}
RNN: dict[str, Any] = {
    "activation": "tanh",
    "input_init": "glorot",
    "recurrent_init": "orthogonal",
    "recurrent_drop_prob": 0.0,
    "hidden_zone_prob": 0.0,
}


def lstm(input_width: int = INPUTS, width: int = WIDTH, **options: Any) -> LstmCell:
    return LstmCell(input_width, width, **{**LSTM, **options})


def gru(input_width: int = INPUTS, width: int = WIDTH, **options: Any) -> GruCell:
    return GruCell(input_width, width, **{**GRU, **options})


def rnn(input_width: int = INPUTS, width: int = WIDTH, **options: Any) -> RnnCell:
    return RnnCell(input_width, width, **{**RNN, **options})


FORMS: dict[str, Callable[[], Cell]] = {
    "rnn": rnn,
    "rnn relu": lambda: rnn(activation="relu"),
    "rnn zoneout": lambda: rnn(hidden_zone_prob=0.3, recurrent_drop_prob=0.5),
    "gru": gru,
    "gru before": lambda: gru(reset_placement="before"),
    "gru zoneout": lambda: gru(hidden_zone_prob=0.3, recurrent_drop_prob=0.5),
    "lstm": lstm,
    "lstm 1997": lambda: lstm(forget_gate="none"),
    "lstm coupled": lambda: lstm(forget_gate="coupled"),
    "lstm peephole": lambda: lstm(has_peepholes=True),
    "lstm blocks": lambda: lstm(cells_per_block=2, has_peepholes=True),
    "lstm projected": lambda: lstm(projection_width=3),
    "lstm output of cells": lambda: lstm(output_gate="current_cells"),
    "lstm output of blocks": lambda: lstm(output_gate="current_cells", cells_per_block=2, forget_gate="coupled"),
    "lstm output of noisy cells": lambda: lstm(
        output_gate="current_cells", projection_width=3, hidden_zone_prob=0.3, cell_zone_prob=0.4, recurrent_drop_prob=0.5
    ),
    "lstm normalised": lambda: lstm(is_normalised=True),
    "lstm zoneout": lambda: lstm(hidden_zone_prob=0.3, cell_zone_prob=0.4, recurrent_drop_prob=0.5),
    "lstm linear": lambda: lstm(candidate_activation="identity", output_activation="relu"),
}


def shaken(cell: Cell) -> Cell:
    """Give every parameter values of its own, biases and peepholes too."""
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=0.5)
    return cell.double()


@pytest.mark.parametrize(
    ("make", "theirs"),
    [
        (rnn, nn.RNNCell),
        (lambda: rnn(activation="relu"), lambda i, w: nn.RNNCell(i, w, nonlinearity="relu")),
        (gru, nn.GRUCell),
        (lstm, nn.LSTMCell),
    ],
    ids=["rnn", "relu", "gru", "lstm"],
)
def test_cell_equals_torch(make: Callable[[], Cell], theirs: Callable[[int, int], nn.Module]) -> None:
    cell, oracle = shaken(make()), theirs(INPUTS, WIDTH).double()
    oracle.load_state_dict(cell.state_dict())
    inputs, state = torch.randn(5, INPUTS).double(), tuple(torch.randn(5, WIDTH).double() for _ in cell.state_widths)
    expected = oracle(inputs, state if len(state) > 1 else state[0])
    found = cell(inputs, state)
    for one, other in zip(found, expected if isinstance(expected, tuple) else (expected,), strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(cell(inputs)[0], cell(inputs, tuple(torch.zeros_like(s) for s in state))[0])


@pytest.mark.parametrize("name", FORMS)
def test_cell_equals_its_run_over_sequences(name: str) -> None:
    cells = [shaken(FORMS[name]()).eval() for _ in range(2)]
    inputs = torch.randn(2, 6, 5, INPUTS).double()
    states = tuple(torch.randn(2, 5, width).double() for width in cells[0].state_widths.values())
    runs = type(cells[0]).scan(cells, inputs, states)
    for direction, (cell, steps, *state) in enumerate(zip(cells, inputs, *states, strict=True)):
        state = tuple(state)
        for t, step in enumerate(steps):
            state = cell(step, state)
            for run, part in zip(runs, state, strict=True):
                torch.testing.assert_close(run[direction, t], part, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", FORMS)
def test_every_parameter_of_a_step_gets_a_gradient(name: str) -> None:
    cell = FORMS[name]().eval()
    state = cell(torch.randn(5, INPUTS), tuple(torch.randn(5, width) for width in cell.state_widths.values()))
    sum(part.sin().sum() for part in state).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in cell.parameters())


def test_textbook_memory_writes_keeps_reads_and_resets() -> None:
    """Inputs are a value, a write (1) or reset (-1) command and a read command; gates are saturated, squashing is linear."""
    cell = LstmCell(3, 1, **{**LSTM, "candidate_activation": "identity", "output_activation": "identity", "forget_bias": 0.0})
    with torch.no_grad():
        cell.weight_hh.zero_()
        cell.weight_ih.copy_(torch.tensor([[0.0, 100, 0], [0, 100, 0], [1, 0, 0], [0, 0, 100]]))
        cell.bias_ih.copy_(torch.tensor([-50.0, 50, 0, -50]))
        cell.bias_hh.zero_()
    inputs = torch.tensor([[3.0, 1, 0], [4, 1, 0], [2, 0, 0], [1, 0, 1], [3, -1, 0]])
    state = cell.zero_state(inputs[:1])
    outputs, memory = [], []
    for step in inputs:
        state = cell(step[None], state)
        outputs.append(round(state[0].item(), 4))
        memory.append(round(state[1].item(), 4))
    assert outputs == [0, 0, 0, 7, 0]
    assert memory == [3, 7, 7, 7, 0]
    run, kept = LstmCell.scan([cell], inputs[None, :, None], tuple(part[None] for part in cell.zero_state(inputs[:1])))
    assert [round(v, 4) for v in run.flatten().tolist()] == outputs
    assert [round(v, 4) for v in kept.flatten().tolist()] == memory


def test_parameters_are_four_and_three_times_those_of_a_vanilla_cell() -> None:
    vanilla, gated, memory = (sum(p.numel() for p in cell.parameters()) for cell in (rnn(), gru(), lstm()))
    assert (gated, memory) == (3 * vanilla, 4 * vanilla)


def test_recurrent_blocks_start_orthogonal_and_forget_gates_open() -> None:
    cell = lstm(has_peepholes=True, is_normalised=True)
    assert cell.bias_ih.view(4, WIDTH).tolist() == [[0.0] * 4, [1.0] * 4, [0.0] * 4, [0.0] * 4]
    assert not cell.bias_hh.any()
    assert not cell.peepholes.any()
    assert cell.recurrent_gain.tolist() == [1.0] * 16
    for block in cell.weight_hh.split(WIDTH):
        torch.testing.assert_close(block @ block.T, torch.eye(WIDTH))


def test_irnn_starts_as_the_identity() -> None:
    cell = rnn(activation="relu", input_init="small", recurrent_init="identity")
    assert torch.equal(cell.weight_hh, torch.eye(WIDTH))
    assert 0 < cell.weight_ih.abs().max() < 0.01


@pytest.mark.parametrize("kind", INITIALISATIONS)
def test_initialisations_fill_the_matrix(kind: str) -> None:
    weight = torch.full((4, 4), torch.nan)
    initialise(weight, kind=kind)
    assert weight.isfinite().all()


def test_noise_is_drawn_while_training_and_averaged_in_evaluation() -> None:
    cell = lstm(hidden_zone_prob=0.25, cell_zone_prob=0.5, recurrent_drop_prob=0.5)
    inputs = torch.zeros(1, 200, 10, INPUTS)
    noise = draw_noise([cell], inputs)
    assert set(noise.recurrent.unique().tolist()) == {0.0, 2.0}
    assert noise.recurrent.shape == (1, 10, WIDTH)
    assert noise.hidden_zone.shape == (1, 200, 10, WIDTH)
    assert abs(noise.hidden_zone.mean() - 0.25) < 0.02
    assert abs(noise.cell_zone.mean() - 0.5) < 0.02
    assert draw_noise([cell.eval()], inputs) == Noise(None, 0.25, 0.5)
    assert draw_noise([lstm()], inputs) == Noise()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lstm(forget_gate="open"), r"forget_gate is 'open'; expected own, none or coupled"),
        (lambda: lstm(cells_per_block=3), r"cells_per_block is 3; expected a divisor of encoder.width, 4"),
        (lambda: gru(reset_placement="beside"), r"reset_placement is 'beside'; expected after or before"),
        (lambda: rnn(width=0), r"encoder.width is 0; expected at least 1"),
        (lambda: rnn(hidden_zone_prob=1.0), r"hidden_zone_prob is 1.0; expected a probability"),
        (lambda: rnn(recurrent_init="glorious"), r"initialisation is 'glorious'; expected one of glorot"),
        (lambda: rnn(activation="softsign"), r"activation is 'softsign'"),
    ],
)
def test_bad_options_are_refused(make: Callable[[], Cell], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_gates_are_named() -> None:
    cell = lstm(forget_gate="coupled")
    _, gates = cell.step(torch.randn(2, INPUTS), cell.zero_state(torch.zeros(2, INPUTS)), noise=Noise())
    assert list(gates) == ["input", "forget", "candidate", "output"]
    torch.testing.assert_close(gates["forget"], 1 - gates["input"])
