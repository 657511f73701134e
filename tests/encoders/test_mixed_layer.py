"""Directions with different cells: each equals an encoder of that direction alone."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqlab.encoders import GruCell, LstmCell, RecurrentEncoder, RnnCell
from seqlab.errors import ConfigError
from seqlab.report.model.traces import trace_encoder
from seqlab.steps import Steps

LENGTHS = torch.tensor([5, 2, 0, 3])
QUIET = {"drop_prob": 0.0, "output_drop_prob": 0.0, "is_stateful": True}
CELLS: dict[str, Any] = {"lstm": LstmCell, "gru": GruCell, "rnn": RnnCell, "torch": nn.LSTMCell}


def encoder_of(**options: Any) -> RecurrentEncoder:
    torch.manual_seed(0)
    return RecurrentEncoder(3, 4, **{**QUIET, **options}).double().eval()


def values() -> Tensor:
    return torch.randn(4, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("merge", ["concat", "sum", "ave", "mul"])
@pytest.mark.parametrize(("cell", "backward"), [("lstm", "gru"), ("gru", "lstm"), ("rnn", "torch"), ("lstm", "lstm")])
def test_each_direction_equals_one_alone(cell: str, backward: str, merge: str) -> None:
    both = encoder_of(cell=CELLS[cell], backward_cell=CELLS[backward], merge=merge)
    alone = [
        encoder_of(cell=CELLS[cell], is_bidirectional=False),
        encoder_of(cell=CELLS[backward], is_bidirectional=False, reads_backwards=True),
    ]
    for i, one in enumerate(alone):
        one.layers[0].cells[0].load_state_dict(both.layers[0].cell_of_each[i].state_dict())

    found, parts = both(Steps(values(), LENGTHS)), [one(Steps(values(), LENGTHS)) for one in alone]

    merged = both.merge(torch.stack([part.values for part in parts], 2))
    torch.testing.assert_close(found.zero_padded().values, found.with_values(merged).zero_padded().values)
    torch.testing.assert_close(found.summary, both.merge(torch.stack([part.summary for part in parts], 1)))
    expected = {**parts[0].state, **{f"{name}.backward": state for name, state in parts[1].state.items()}}
    assert found.state.keys() == expected.keys()
    torch.testing.assert_close(found.state, expected)


def test_given_states_reach_their_direction() -> None:
    encoder = encoder_of(cell=LstmCell, backward_cell=GruCell, depth=2)
    names = [f"{i}.{kind}" for i in range(2) for kind in ("hidden", "cell", "hidden.backward")]
    given = {name: torch.randn(4, 4, dtype=torch.float64) for name in names}

    found = encoder(Steps(values(), LENGTHS, state=given))

    assert list(found.state) == names
    # the record without steps keeps its states
    assert all(bool((found.state[name][2] == given[name][2]).all()) for name in names)
    for name in names:
        changed = encoder(Steps(values(), LENGTHS, state={**given, name: given[name] + 1}))
        assert bool((changed.values[0] != found.values[0]).any()), name
    with pytest.raises(ConfigError, match=r"the initial state has no 1.hidden.backward"):
        encoder(Steps(values(), LENGTHS, state={name: given[name] for name in names[:-1]}))


def test_traces_know_the_direction() -> None:
    encoder = encoder_of(cell=LstmCell, backward_cell=GruCell)

    traces = trace_encoder(encoder, Steps(values()[:1], LENGTHS[:1]))

    assert [(type(trace.cell), trace.is_backward) for trace in traces] == [(LstmCell, False), (GruCell, True)]
    hidden = torch.cat([trace.in_text_order(trace.states["hidden"]) for trace in traces], -1)
    torch.testing.assert_close(hidden, encoder(Steps(values()[:1], LENGTHS[:1])).values[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"is_bidirectional": False}, "encoder.backward_cell is given, but there is one direction; set"),
        (
            {"cell": partial(LstmCell, projection_width=2)},
            "encoder.backward_cell gives 4 features and encoder.cell 2; expected",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encoder_of(backward_cell=GruCell, **options)
