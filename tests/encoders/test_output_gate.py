"""The output gate that reads the current cells: equal to a loop by hand, values and gradients."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import seqlab
from seqlab.encoders import LstmCell, RecurrentEncoder
from seqlab.errors import ConfigError
from seqlab.steps import Steps

LENGTHS = torch.tensor([6, 1, 0, 4])
CURRENT = partial(LstmCell, output_gate="current_cells")


def by_hand(inputs: Tensor, cell: LstmCell) -> Tensor:
    """Return h of each step of one record, (time, feature), one multiplication after the other."""
    assert cell.weight_co is not None
    n = cell.state_widths["cell"]
    hidden, memory, found = inputs.new_zeros(n), inputs.new_zeros(n), []
    w_i, w_f, w_g, w_o = cell.weight_ih.split(n)
    u_i, u_f, u_g = cell.weight_hh.split(n)
    b_i, b_f, b_g, b_o = (cell.bias_ih + cell.bias_hh).split(n)
    for x in inputs:
        i = torch.sigmoid(w_i @ x + u_i @ hidden + b_i)
        f = torch.sigmoid(w_f @ x + u_f @ hidden + b_f)
        memory = f * memory + i * torch.tanh(w_g @ x + u_g @ hidden + b_g)
        o = torch.sigmoid(w_o @ x + cell.weight_co @ memory + b_o)
        hidden = o * torch.tanh(memory)
        found.append(hidden)
    return torch.stack(found)


@pytest.mark.parametrize("bptt_steps", [None, 10])
def test_the_encoder_equals_a_loop_by_hand_in_both_directions(bptt_steps: int | None) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(3, 4, cell=CURRENT, drop_prob=0.0, output_drop_prob=0.0, bptt_steps=bptt_steps).double()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    values = torch.randn(4, 6, 3, dtype=torch.float64).requires_grad_()
    forwards, backwards = encoder.layers[0].cell_of_each
    assert isinstance(forwards, LstmCell)
    assert isinstance(backwards, LstmCell)

    found = encoder(Steps(values, LENGTHS)).zero_padded().values

    expected = torch.zeros_like(found)
    for row, n_steps in enumerate(LENGTHS.tolist()):
        if n_steps:
            record = values[row, :n_steps]
            both = by_hand(record, forwards), by_hand(record.flip(0), backwards).flip(0)
            expected[row, :n_steps] = torch.cat(both, -1)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    learned = [values, *encoder.parameters()]
    ours, theirs = (torch.autograd.grad(run.sin().sum(), learned, retain_graph=True) for run in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)


def test_autocast_does_not_reach_the_recurrence() -> None:
    encoder = RecurrentEncoder(3, 4, cell=CURRENT, drop_prob=0.0, output_drop_prob=0.0).eval()
    steps = Steps(torch.randn(2, 3, 3), torch.tensor([3, 2]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = encoder(steps).values
    torch.testing.assert_close(found, encoder(steps).values)


def test_the_layer_of_torch_takes_the_option() -> None:
    layer = seqlab.LSTM(3, 4, output_gate="current_cells", batch_first=True)
    output, _ = layer(torch.randn(2, 5, 3))
    assert output.shape == (2, 5, 4)
    assert layer.state_dict()["weight_co_l0"].shape == (4, 4)
    assert layer.state_dict()["weight_hh_l0"].shape == (12, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_gate": "cells"}, "encoder.cell.output_gate is 'cells'; expected previous_hidden or current_cells"),
        (
            {"has_peepholes": True},
            "output_gate is current_cells, .*; set encoder.cell.has_peepholes=false, or encoder.cell.out",
        ),
        ({"is_normalised": True}, "output_gate is current_cells, .*; set encoder.cell.is_normalised=false"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LstmCell(3, 4, **{"output_gate": "current_cells", **options})
