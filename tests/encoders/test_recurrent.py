"""Stacks of recurrent layers: equal to torch's where torch has them, to a plain run record by record where it has not."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.encoders import Encoder, RecurrentEncoder
from seqlab.errors import ConfigError
from seqlab.steps import Steps
from seqlab.testing import EncoderContract

LENGTHS = [5, 1, 3, 7]
SMALL = ["encoder.width=4", "encoder.drop_prob=0.3", "encoder.output_drop_prob=0.5"]
TORCH = {"rnn": nn.RNN, "rnn_relu": nn.RNN, "lstm": nn.LSTM, "lstm_projected": nn.LSTM, "gru": nn.GRU}


@cache
def node_of(*overrides: str) -> dict[str, Any]:
    return plain(compose([*overrides, "paths.run_dir=."]))["encoder"]


def recurrent(option: str, *overrides: str, input_width: int = 3) -> RecurrentEncoder:
    """Return the encoder of a config option, small, with `overrides` under `encoder.`."""
    changes = [f"encoder.{override}" for override in overrides]
    if option == "lstm_projected":
        changes.append("encoder.cell.projection_width=2")
    node = node_of(f"encoder={option}", *SMALL, *changes)
    encoder = build(node, targets=known_targets(), path="encoder", input_width=input_width)
    assert isinstance(encoder, RecurrentEncoder)
    return encoder


def contract(option: str, *overrides: str) -> type[EncoderContract]:
    class Contract(EncoderContract):
        def make(self, input_width: int) -> Encoder:
            return recurrent(option, *overrides, input_width=input_width)

    return Contract


class TestLstm(contract("lstm")):
    pass


class TestDeepGru(contract("gru", "depth=2")):
    pass


class TestForwardRnn(contract("rnn", "is_bidirectional=false")):
    pass


class TestPeepholes(contract("lstm_peephole")):
    pass


class TestBlocks(contract("lstm_blocks")):
    pass


class TestProjected(contract("lstm_projected")):
    pass


class TestNormalised(contract("lstm_normalised")):
    pass


class TestZoneout(contract("lstm_zoneout", "cell.recurrent_drop_prob=0.3")):
    pass


class TestGru2014(contract("gru_2014", "cell.hidden_zone_prob=0.1")):
    pass


class TestIndependent(contract("lstm", "depth=2", "stacking=independent", "merge=sum", "connection=residual")):
    pass


class TestSkips(contract("gru", "width=[4,3,2]", "connection=skip", "merge=max")):
    pass


class TestHighway(contract("rnn", "depth=2", "connection=highway", "merge=none")):
    pass


class TestLearnedState(contract("gru", "initial_state=learned", "bptt_steps=2")):
    pass


class TestOutputOfCells(contract("lstm", "cell.output_gate=current_cells", "depth=2")):
    pass


GRU_BACK = "backward_cell={_target_: seqlab.encoders.GruCell, _partial_: true}"


class TestGruBackwards(contract("lstm", "depth=2", "initial_state=learned", GRU_BACK)):
    pass


class TestLstmBackwards(contract("gru", "merge=sum", "backward_cell={_target_: seqlab.encoders.LstmCell, _partial_: true}")):
    pass


def torch_twin(encoder: RecurrentEncoder, option: str, *, depth: int, is_bidirectional: bool, dtype: torch.dtype) -> nn.RNNBase:
    """Torch's own module with the same weights."""
    extra: dict[str, Any] = {"rnn_relu": {"nonlinearity": "relu"}, "lstm_projected": {"proj_size": 2}}.get(option, {})
    module = TORCH[option](3, 4, num_layers=depth, batch_first=True, bidirectional=is_bidirectional, **extra).to(dtype)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(mirrored(encoder, name))
    return module


def mirrored(encoder: RecurrentEncoder, name: str) -> nn.Parameter:
    kind, layer, *direction = name.replace("_l", "|").replace("_reverse", "|1").split("|")
    parameter = getattr(encoder.layers[int(layer)].cells[int(direction[0]) if direction else 0], kind)
    assert isinstance(parameter, nn.Parameter)
    return parameter


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("is_bidirectional", [False, True])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("option", TORCH)
def test_encoder_equals_torch_with_packed_sequences(
    option: str, depth: int, is_bidirectional: bool, dtype: torch.dtype, tolerance: float
) -> None:
    encoder = recurrent(option, f"depth={depth}", f"is_bidirectional={is_bidirectional}").to(dtype).eval()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.4)
    oracle = torch_twin(encoder, option, depth=depth, is_bidirectional=is_bidirectional, dtype=dtype)
    values = torch.randn(4, 7, 3, dtype=dtype)
    ours, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()
    encoded = encoder(Steps(ours, torch.tensor(LENGTHS)))
    packed = pack_padded_sequence(theirs, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    outputs, state = oracle(packed)
    expected, _ = pad_packed_sequence(outputs, batch_first=True)
    hidden = state[0] if isinstance(state, tuple) else state
    summary = torch.cat(list(hidden[-(2 if is_bidirectional else 1) :]), dim=1)

    def close(found: Tensor, expected: Tensor) -> None:
        torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)

    found = encoded.values * encoded.mask.unsqueeze(2)
    close(found, expected)
    close(encoded.summary, summary)
    (torch.sin(found).sum() + torch.cos(encoded.summary).sum()).backward()
    (torch.sin(expected).sum() + torch.cos(summary).sum()).backward()
    close(ours.grad, theirs.grad)
    for name, parameter in oracle.named_parameters():
        close(mirrored(encoder, name).grad, parameter.grad)


def read_alone(encoder: RecurrentEncoder, record: Tensor, *, layer: int, direction: int) -> Tensor:
    """Return the hidden states of one cell over one record (time feature), step by step, in the record's order."""
    cell = encoder.layers[layer].cells[direction]
    state, outputs = cell.zero_state(record[:1]), []
    for step in record.flip(0) if direction else record:
        state = cell(step[None], state)
        outputs.append(state[0])
    run = torch.cat(outputs)
    return run.flip(0) if direction else run


MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat": lambda a, b: torch.cat([a, b], 1),
    "none": lambda a, b: torch.cat([a, b], 1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "mean": lambda a, b: (a + b) / 2,
    "max": torch.maximum,
}
CONNECTIONS: dict[str, Callable[[Any, Tensor, Tensor], Tensor]] = {
    "none": lambda _, x, y: y,
    "skip": lambda _, x, y: torch.cat([y, x], 1),
    "residual": lambda c, x, y: y + c.fit(x),
    "highway": lambda c, x, y: torch.sigmoid(c.gate(x)) * y + (1 - torch.sigmoid(c.gate(x))) * c.fit(x),
}


@pytest.mark.parametrize(  # each merge with each connection, and both under each stacking
    ("stacking", "merge", "connection"),
    [
        (("interleaved", "independent")[(m + c) % 2], merge, connection)
        for m, merge in enumerate(MERGES)
        for c, connection in enumerate(CONNECTIONS)
    ],
)
def test_topologies_equal_a_run_record_by_record(stacking: str, merge: str, connection: str) -> None:
    encoder = recurrent("lstm_peephole", "width=[4,3]", f"stacking={stacking}", f"merge={merge}", f"connection={connection}")
    encoder = encoder.double().eval()
    values = torch.randn(4, 7, 3, dtype=torch.double)
    encoded = encoder(Steps(values, torch.tensor(LENGTHS)))
    merged, around = MERGES[merge], CONNECTIONS[connection]
    for i, length in enumerate(LENGTHS):
        read = [values[i, :length]] * 2
        for layer in range(2):
            made = [read_alone(encoder, read[d], layer=layer, direction=d) for d in range(2)]
            kind = around if layer else CONNECTIONS["none"]
            modules = encoder.connections[layer]
            if stacking == "interleaved":
                read = [kind(modules[0], read[0], merged(*made))] * 2
            else:
                read = [kind(modules[d], read[d], made[d]) for d in range(2)]
        expected = read[0] if stacking == "interleaved" else merged(*read)
        torch.testing.assert_close(encoded.values[i, :length], expected, atol=1e-10, rtol=1e-10)
        last = merged(made[0][-1:], made[1][:1])
        torch.testing.assert_close(encoded.summary[i : i + 1], last, atol=1e-10, rtol=1e-10)


def test_directions_come_apart_where_they_are_not_merged() -> None:
    steps = Steps(torch.randn(2, 5, 3), torch.tensor([5, 4]))
    encoder = recurrent("gru", "merge=none").eval()
    encoded = encoder(steps)
    assert encoded.n_directions == 2
    forwards, backwards = encoded.directions
    torch.testing.assert_close(forwards[0], read_alone(encoder, steps.values[0], layer=0, direction=0))
    torch.testing.assert_close(backwards[0], read_alone(encoder, steps.values[0], layer=0, direction=1))
    assert len(recurrent("gru").eval()(steps).directions) == 1


@pytest.mark.parametrize("option", ["rnn", "gru", "lstm", "lstm_projected", "lstm_peephole"])
def test_windows_with_the_state_carried_over_equal_the_full_run(option: str) -> None:
    encoder = recurrent(option, "width=[4,3]", "is_bidirectional=false", "is_stateful=true").double().eval()
    values, lengths = torch.randn(4, 7, 3, dtype=torch.double), torch.tensor([5, 0, 3, 7])
    whole = encoder(Steps(values, lengths))
    pieces, state = [], None
    for begin in range(0, 7, 3):
        window = Steps(values[:, begin : begin + 3], (lengths - begin).clamp(0, min(3, 7 - begin)), state=state)
        encoded = encoder(window)
        pieces.append(encoded.values)
        state = encoded.state
    joined = torch.cat(pieces, 1)
    torch.testing.assert_close(joined[whole.mask], whole.values[whole.mask], atol=1e-12, rtol=1e-12)
    assert state.keys() == whole.state.keys()
    for name in state:
        torch.testing.assert_close(state[name], whole.state[name], atol=1e-12, rtol=1e-12)
    assert not state["0.hidden"][1].any(), "an empty record keeps its initial state"


@pytest.mark.parametrize("option", ["rnn", "gru_2014", "lstm"])
def test_truncation_changes_no_value_and_stops_gradients(option: str) -> None:
    whole = recurrent(option, "is_bidirectional=false").double().eval()
    cut = recurrent(option, "is_bidirectional=false", "bptt_steps=3").double().eval()
    cut.load_state_dict(whole.state_dict())
    values = torch.randn(2, 7, 3, dtype=torch.double, requires_grad=True)
    lengths = torch.tensor([7, 4])
    steps = Steps(values, lengths)
    found, expected = (encoder(steps).values for encoder in (cut, whole))
    torch.testing.assert_close(found[steps.mask], expected[steps.mask], atol=1e-12, rtol=1e-12)
    (reached,) = torch.autograd.grad(found[0, 4].sum(), values)
    assert reached[0].any(1).tolist() == [False, False, False, True, True, False, False]
    (reached,) = torch.autograd.grad(expected[0, 4].sum(), values)
    assert reached[0].any(1).tolist() == [True] * 5 + [False] * 2


def test_learned_states_are_where_reading_starts() -> None:
    encoder = recurrent("lstm_peephole", "initial_state=learned").eval()
    with torch.no_grad():
        for state in encoder.layers[0].first_states:
            state.fill_(0.5)
    steps = Steps(torch.randn(1, 2, 3), torch.tensor([2]))
    forward = encoder.layers[0].cells[0]
    expected, _ = forward(steps.values[:, 0], (torch.full((1, 4), 0.5), torch.full((1, 4), 0.5)))
    torch.testing.assert_close(encoder(steps).values[:, 0, :4], expected)


def test_dropout_acts_between_layers_and_after_the_top_while_training() -> None:
    steps = Steps(torch.randn(2, 5, 3), torch.tensor([5, 4]))
    encoder = recurrent("gru", "depth=2")
    assert not (encoder.eval()(steps).values == 0).any()
    assert (encoder.train()(steps).values == 0).any()
    assert len(encoder.dropouts) == 2


def test_widths_of_the_layers_are_as_given() -> None:
    encoder = recurrent("lstm", "width=[5,3]")
    assert [layer.cells[0].width for layer in encoder.layers] == [5, 3]
    assert (encoder.output_width, encoder.summary_width) == (6, 6)
    assert recurrent("lstm", "width=[5,3]", "connection=skip").output_width == 16


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["depth=0"], r"encoder.depth is 0; expected at least 1 layer"),
        (["width=[4,4]", "depth=3"], r"encoder.width is \[4, 4\], but encoder.depth is 3; give one width a layer"),
        (["width=0"], r"encoder.width is 0; expected at least 1 unit"),
        (["width=[]"], r"encoder.width is \[\]; expected at least 1 unit"),
        (["width=10.5"], r"encoder.width is 10.5; expected a whole number"),
        (["width=wide"], r"encoder.width is 'wide'; expected a whole number or a list of whole numbers"),
        (["is_bidirectional=maybe"], r"encoder.is_bidirectional is 'maybe'; expected true or false"),
        (["depth=2.5"], r"encoder.depth is 2.5; expected a whole number or null"),
        (["cell.has_peepholes=1"], r"encoder.cell.has_peepholes is 1; expected true or false"),
        (["cell.forget_bias=much"], r"encoder.cell.forget_bias is 'much'; expected a number"),
        (["cell.projection_width=-1"], r"encoder.cell.projection_width is -1; expected at least 1, or null"),
        (["connection=wire"], r"encoder.connection is 'wire'"),
        (["drop_prob=1.5"], r"dropout is 1.5"),
        (["merge=glue"], r"encoder.merge is 'glue'; expected one of concat, sum, mul, mean, ave, max, none"),
        (["depth=2", "connection=wire"], r"encoder.connection is 'wire'; expected one of none, skip, residual, highway"),
        (["stacking=pile"], r"encoder.stacking is 'pile'; expected one of interleaved, independent"),
        (["initial_state=one"], r"encoder.initial_state is 'one'; expected one of zero, learned"),
        (["reads_backwards=true"], r"encoder.reads_backwards is true, but .*set encoder.is_bidirectional=false"),
        (["bptt_steps=0"], r"encoder.bptt_steps is 0; expected at least 1 step"),
        (["dropout_kind=zoneout"], r"'zoneout'; expected one of naive, variational, step"),
    ],
)
def test_bad_options_are_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        recurrent("lstm", *overrides)


@pytest.mark.parametrize("is_trained", [True, False])
@pytest.mark.parametrize("width", [1, 2, 4, 300])
@pytest.mark.parametrize("option", ["lstm", "gru", "rnn", "lstm_peephole"])
def test_features_of_another_width_are_refused(option: str, width: int, is_trained: bool) -> None:
    encoder = recurrent(option).train(is_trained)
    with (
        torch.set_grad_enabled(is_trained),
        pytest.raises(ConfigError, match=rf"with input_width=3 is given {width} features a step; expected 3"),
    ):
        encoder(Steps(torch.zeros(2, 5, width), torch.tensor([5, 3])))


@pytest.mark.parametrize(("n_records", "width"), [(2, 3), (2, 5), (1, 4), (3, 4)])
@pytest.mark.parametrize("name", ["0.hidden", "0.cell"])
def test_initial_states_of_another_shape_are_refused(name: str, n_records: int, width: int) -> None:
    encoder = recurrent("lstm", "is_bidirectional=false", "is_stateful=true")
    state = {"0.hidden": torch.zeros(2, 4), "0.cell": torch.zeros(2, 4), name: torch.zeros(n_records, width)}
    message = rf"state {name[2:]} has the shape \({n_records}, {width}\); expected 2 records of 4 features"
    with pytest.raises(ConfigError, match=message):
        encoder(Steps(torch.zeros(2, 5, 3), torch.tensor([5, 3]), state=state))
