"""Traces equal what the layers compute and what autograd says of them."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, options_of, plain
from seqlab.encoders import Cell, Encoder, RecurrentEncoder
from seqlab.encoders.cells.base import draw_noise
from seqlab.report.model.traces import MAX_MATRIX_STEPS, CellTrace, trace_cell, trace_encoder
from seqlab.steps import Steps

INPUT_WIDTH = 3


@functools.cache
def settings_of(option: str, *overrides: str) -> dict[str, Any]:
    projected = ["encoder.cell.projection_width=2"] if option == "lstm_projected" else []
    words = [f"encoder={option}", "encoder.width=4", "encoder.depth=2", *projected, *overrides, "paths.run_dir=."]
    found: dict[str, Any] = plain(compose(words))["encoder"]
    return found


RECURRENT = [
    option for option in options_of("encoder") if "cell" in plain(compose([f"encoder={option}", "paths.run_dir=."]))["encoder"]
]


def encoder_of(option: str, *overrides: str) -> Encoder:
    torch.manual_seed(5)
    made: Encoder = build(settings_of(option, *overrides), targets=known_targets(), path="encoder", input_width=INPUT_WIDTH)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made.eval()


def traces_of(encoder: Encoder, values: Tensor) -> list[CellTrace]:
    padded = torch.cat([values, torch.full((2, INPUT_WIDTH), 9.0)])
    return trace_encoder(encoder, Steps(padded[None], torch.tensor([len(values)])))


APART = ["encoder.initial_state=learned", "encoder.stacking=independent"]


@pytest.mark.parametrize("option", RECURRENT)
@pytest.mark.parametrize("overrides", [[], APART], ids=["plain", "apart"])
def test_states_are_those_of_the_encoder(option: str, overrides: list[str]) -> None:
    encoder = encoder_of(option, *overrides)
    values = torch.randn(6, INPUT_WIDTH)
    found = traces_of(encoder, values)
    assert [(t.layer, t.reading) for t in found] == [
        (f"encoder.layers.{i}", reading) for i in range(2) for reading in ("forwards", "backwards")
    ]
    outputs = encoder(Steps(values[None], torch.tensor([6]))).values[0]
    top = torch.cat([t.in_text_order(t.states["hidden"]) for t in found[2:]], 1)
    torch.testing.assert_close(top, outputs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("option", RECURRENT)
def test_gates_are_those_of_single_steps(option: str) -> None:
    encoder = encoder_of(option)
    (first, *_) = traces_of(encoder, torch.randn(5, INPUT_WIDTH))
    cell: Cell = first.cell
    state = cell.zero_state(first.inputs[:1])
    for t, row in enumerate(first.inputs):
        state, gates = cell.step(row[None], state, noise=draw_noise([cell], first.inputs[None, :, None]).at(0, 0))
        assert set(gates) == set(first.gates)
        for name, values in gates.items():
            torch.testing.assert_close(first.gates[name][t], values[0])
            assert name == "candidate" or bool(((values >= 0) & (values <= 1)).all())


@pytest.mark.parametrize("option", RECURRENT)
def test_influence_is_the_norm_of_the_jacobian(option: str) -> None:
    """By autograd through the scan over the whole sequence, which knows nothing of single steps."""
    encoder = encoder_of(option, "encoder.is_bidirectional=false", "encoder.depth=1")
    assert isinstance(encoder, RecurrentEncoder)
    cell = encoder.layers[0].cell_of_each[0]
    inputs = torch.randn(5, INPUT_WIDTH)
    traced = trace_cell(cell, inputs)
    start = tuple(state[None] for state in cell.zero_state(inputs[:1]))

    def run(values: Tensor) -> Tensor:
        return type(cell).scan([cell], values[None, :, None], start)[0][0, :, 0]

    jacobian = torch.autograd.functional.jacobian(run, inputs)  # time hidden source feature
    expected = jacobian.permute(2, 0, 1, 3).flatten(2).norm(dim=2)
    torch.testing.assert_close(traced.influence, expected, rtol=1e-4, atol=1e-6)
    assert not traced.influence.tril(-1).any()


def test_backward_traces_stand_in_text_order() -> None:
    found = traces_of(encoder_of("lstm"), torch.randn(4, INPUT_WIDTH))
    backward = found[1]
    assert torch.equal(backward.in_text_order(backward.inputs), found[0].inputs)


def test_long_records_get_the_influence_of_their_first_step() -> None:
    cell = encoder_of("gru").layers[0].cell_of_each[0]
    inputs = torch.randn(MAX_MATRIX_STEPS + 1, INPUT_WIDTH)
    traced = trace_cell(cell, inputs)
    assert traced.influence.shape == (1, len(inputs))
    torch.testing.assert_close(traced.influence[0, :20], trace_cell(cell, inputs[:20]).influence[0])


def test_a_chain_is_looked_into() -> None:
    settings = plain(compose(["encoder=chain", "paths.run_dir=."]))["encoder"]
    encoder: Encoder = build(settings, targets=known_targets(), path="encoder", input_width=INPUT_WIDTH)
    assert [t.layer for t in traces_of(encoder.eval(), torch.randn(3, INPUT_WIDTH))] == ["encoder.parts.recurrent.layers.0"] * 2


def test_an_empty_record_has_an_empty_trace() -> None:
    cell = encoder_of("lstm").layers[0].cell_of_each[0]
    traced = trace_cell(cell, torch.randn(0, INPUT_WIDTH))
    assert traced.influence.shape == (0, 0)
    assert traced.states["hidden"].shape == (0, 4)
