"""States in and out of encoders, for every topology: compared with torch, whose states mean the same."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqlab.encoders import ChainEncoder, GruCell, LstmCell, RecurrentEncoder, RnnCell
from seqlab.errors import ConfigError
from seqlab.steps import Steps

QUIET = {"drop_prob": 0.0, "output_drop_prob": 0.0}
CELLS = {"rnn": (RnnCell, nn.RNN), "gru": (GruCell, nn.GRU), "lstm": (LstmCell, nn.LSTM)}
LENGTHS = torch.tensor([5, 2, 3])


def encoder_of(cell: Any = LstmCell, **options: Any) -> RecurrentEncoder:
    torch.manual_seed(0)
    return RecurrentEncoder(3, 4, cell=cell, **{**QUIET, **options}).double().eval()


def random_state(encoder: RecurrentEncoder) -> dict[str, Tensor]:
    state = encoder_state_names(encoder)
    return {name: torch.randn(3, 4, dtype=torch.float64) for name in state}


def encoder_state_names(encoder: RecurrentEncoder) -> list[str]:
    encoder.is_stateful = True
    found = encoder(Steps(torch.zeros(3, 5, 3, dtype=torch.float64), LENGTHS)).state
    encoder.is_stateful = False
    return list(found or ())


@pytest.mark.parametrize("name", CELLS)
def test_states_of_both_directions_and_all_layers_are_those_of_torch(name: str) -> None:
    cell, theirs = CELLS[name]
    encoder = encoder_of(cell, depth=2)
    module = theirs(3, 4, num_layers=2, bidirectional=True, batch_first=True, dtype=torch.float64)
    module.load_state_dict(
        {
            f"{key}_l{i}{'_reverse' * direction}": value
            for i, layer in enumerate(encoder.layers)
            for direction, one in enumerate(layer.cells)
            for key, value in one.state_dict().items()
        }
    )
    values, given = torch.randn(3, 5, 3, dtype=torch.float64), random_state(encoder)
    kinds = ["hidden", "cell"] if name == "lstm" else ["hidden"]
    ends = ("", ".backward")
    hx = [torch.stack([given[f"{i}.{kind}{end}"] for i in range(2) for end in ends]) for kind in kinds]
    packed = nn.utils.rnn.pack_padded_sequence(values, LENGTHS, batch_first=True, enforce_sorted=False)
    output, last = module(packed, tuple(hx) if name == "lstm" else hx[0])
    expected, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
    found = encoder(Steps(values, LENGTHS, state=given))
    torch.testing.assert_close(found.zero_padded().values, expected, atol=1e-10, rtol=0)
    assert found.state is not None
    for kind, parts in zip(kinds, last if name == "lstm" else [last], strict=True):
        of_rows = torch.stack([found.state[f"{i}.{kind}{end}"] for i in range(2) for end in ends])
        torch.testing.assert_close(of_rows, parts, atol=1e-10, rtol=0)


@pytest.mark.parametrize("options", [{}, {"stacking": "independent", "depth": 2}, {"is_bidirectional": False}], ids=str)
def test_a_given_state_is_never_ignored(options: dict[str, Any]) -> None:
    encoder = encoder_of(**options)
    values, given = torch.randn(3, 5, 3, dtype=torch.float64), random_state(encoder)
    without, found = encoder(Steps(values, LENGTHS)), encoder(Steps(values, LENGTHS, state=given))
    assert without.state is None
    assert found.state is not None
    for name in given:
        other = encoder(Steps(values, LENGTHS, state={**given, name: given[name] + 1}))
        assert not torch.equal(other.values, found.values), f"{name} changes nothing"


def test_states_that_are_not_there_are_named() -> None:
    encoder = encoder_of()
    steps = Steps(torch.zeros(3, 5, 3, dtype=torch.float64), LENGTHS, state={"0.hidden": torch.zeros(3, 4)})
    with pytest.raises(ConfigError, match=r"has no 0.hidden.backward, 0.cell, 0.cell.backward; it has 0.hidden$"):
        encoder(steps)


def test_an_encoder_that_reads_backwards_is_the_second_direction_of_two() -> None:
    both, one = encoder_of(), encoder_of(is_bidirectional=False, reads_backwards=True)
    one.layers[0].cells[0].load_state_dict(both.layers[0].cells[1].state_dict())
    values = torch.randn(3, 5, 3, dtype=torch.float64)
    found, expected = (encoder(Steps(values, LENGTHS)) for encoder in (one, both))
    torch.testing.assert_close(found.zero_padded().values, expected.zero_padded().values[..., 4:], atol=1e-12, rtol=0)
    torch.testing.assert_close(found.summary, expected.summary[:, 4:], atol=1e-12, rtol=0)


def test_each_part_of_a_chain_gets_its_own_state() -> None:
    def part(input_width: int) -> RecurrentEncoder:
        return RecurrentEncoder(input_width, 4, is_bidirectional=False, is_stateful=True, **QUIET)

    torch.manual_seed(0)
    chain = ChainEncoder(input_width=3, parts={"first": part, "second": part}).eval()
    values, lengths = torch.randn(2, 6, 3), torch.tensor([6, 6])
    whole = chain(Steps(values, lengths))
    begin = chain(Steps(values[:, :2], lengths - 4))
    end = chain(Steps(values[:, 2:], lengths - 2, state=begin.state))
    torch.testing.assert_close(torch.cat([begin.values, end.values], 1), whole.values)
    assert end.state is not None
    assert set(end.state) == {f"{name}.0.{kind}" for name in ("first", "second") for kind in ("hidden", "cell")}


def test_keras_calls_the_mean_ave() -> None:
    values = torch.randn(3, 5, 3, dtype=torch.float64)
    mean, ave = (encoder_of(merge=merge)(Steps(values, LENGTHS)).values for merge in ("mean", "ave"))
    assert torch.equal(mean, ave)


class Delayed(nn.Module):
    """A cell of one's own with two states: its output is the input of two steps before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.state_widths = {"hidden": width, "last": width}

    def forward(self, inputs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return state[1], inputs


@pytest.mark.parametrize(("name", "module"), [("rnn", nn.RNNCell), ("gru", nn.GRUCell), ("lstm", nn.LSTMCell)])
def test_a_single_step_module_of_torch_is_a_cell(name: str, module: type[nn.Module]) -> None:
    ours, looped = encoder_of(CELLS[name][0], depth=2), encoder_of(module, depth=2)
    for one, other in zip(ours.layers, looped.layers, strict=True):
        for cell, wrapped in zip(one.cells, other.cells, strict=True):
            wrapped.module.load_state_dict(cell.state_dict())
    values, given = torch.randn(3, 5, 3, dtype=torch.float64), random_state(ours)
    found, expected = (encoder(Steps(values, LENGTHS, state=given)) for encoder in (looped, ours))
    torch.testing.assert_close(found.zero_padded().values, expected.zero_padded().values, atol=1e-12, rtol=0)
    torch.testing.assert_close(dict(found.state or {}), dict(expected.state or {}), atol=1e-12, rtol=0)


def test_a_cell_of_ones_own_needs_a_step_and_its_states_alone() -> None:
    encoder = RecurrentEncoder(3, 3, cell=lambda input_width, width: Delayed(width), **QUIET)
    values = torch.arange(1.0, 13.0).view(1, 4, 3)
    found = encoder(Steps(values, torch.tensor([4]))).values
    zero = torch.zeros(1, 1, 3)
    assert torch.equal(found[..., :3], torch.cat([zero, values[:, :3]], 1))
    assert torch.equal(found[..., 3:], torch.cat([values[:, 1:], zero], 1))
    assert encoder(Steps(torch.zeros(2, 0, 3), torch.tensor([0, 0]))).values.shape == (2, 0, 6)


def test_a_module_that_returns_other_states_is_refused() -> None:
    encoder = RecurrentEncoder(3, 4, cell=lambda input_width, width: nn.Bilinear(input_width, width, 7), **QUIET)
    with pytest.raises(ConfigError, match=r"Bilinear returns states of the shapes \(2, 7\); expected hidden \(2, 4\)"):
        encoder(Steps(torch.zeros(2, 1, 3), torch.tensor([1, 1])))
