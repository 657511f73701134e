"""The options in encoders: what every encoder promises, every way of stacking and reading, from config to state."""

import inspect
from functools import cache
from typing import Any

import pytest
import seqlab_scan
import torch
from hydra.errors import ConfigCompositionException
from torch import Tensor, nn

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.config.mistakes import explain
from seqlab.encoders import Encoder, RecurrentEncoder
from seqlab.errors import ConfigError
from seqlab.steps import Steps
from seqlab.testing import EncoderContract

OPTIONS = ["min_gru", "min_lstm", "sru", "qrnn", "mlstm", "slstm"]
LENGTHS = [5, 1, 3, 20]
SMALL = ["encoder.width=4", "encoder.drop_prob=0.3", "encoder.output_drop_prob=0.5"]
VARIANTS: dict[str, list[str]] = {
    "min_gru": ["cell.candidate_activation=tanh", "cell.algorithm=blocks", "cell.hidden_zone_prob=0.1"],
    "min_lstm": ["cell.candidate_activation=positive", "cell.algorithm=log_space", "merge=sum"],
    "sru": ["cell.has_peepholes=false", "cell.output_activation=tanh", "connection=highway"],
    "qrnn": ["cell.window=3", "cell.pooling=ifo", "cell.cell_zone_prob=0.2"],
    "mlstm": ["cell.n_heads=2", "cell.is_normalised=false", "cell.chunk_steps=3"],
    "slstm": ["cell.n_heads=1", "cell.forget_gate=exponential", "connection=residual"],
}
"""Another form of each."""
HEADS = {"mlstm": ["encoder.cell.n_heads=1"], "slstm": ["encoder.cell.n_heads=2"]}
"""Divisors of the small width."""


@cache
def node_of(*overrides: str) -> dict[str, Any]:
    return plain(compose([*overrides, "paths.run_dir=."]))["encoder"]


def recurrent(option: str, *overrides: str, input_width: int = 3) -> RecurrentEncoder:
    """Return the encoder of a config option, small, with `overrides` under `encoder.`."""
    node = node_of(f"encoder={option}", *SMALL, *HEADS.get(option, []), *(f"encoder.{override}" for override in overrides))
    encoder = build(node, targets=known_targets(), path="encoder", input_width=input_width)
    assert isinstance(encoder, RecurrentEncoder)
    return encoder


def contract(option: str, *overrides: str) -> type[EncoderContract]:
    class Contract(EncoderContract):
        def make(self, input_width: int) -> Encoder:
            return recurrent(option, *overrides, input_width=input_width)

    return Contract


class TestMinGru(contract("min_gru")):
    pass


class TestDeepMinLstm(contract("min_lstm", "depth=2", "initial_state=learned")):
    pass


class TestSru(contract("sru", "depth=2", "initial_state=learned")):
    pass


class TestForwardQrnn(contract("qrnn", "is_bidirectional=false", "initial_state=learned")):
    pass


class TestOtherMinGru(contract("min_gru", *VARIANTS["min_gru"])):
    pass


class TestOtherMinLstm(contract("min_lstm", *VARIANTS["min_lstm"])):
    pass


class TestOtherSru(contract("sru", *VARIANTS["sru"], "depth=2")):
    pass


class TestOtherQrnn(contract("qrnn", *VARIANTS["qrnn"], "bptt_steps=2", "initial_state=learned")):
    pass


class TestMlstm(contract("mlstm")):
    pass


class TestDeepSlstm(contract("slstm", "depth=2", "initial_state=learned")):
    pass


class TestOtherMlstm(contract("mlstm", *VARIANTS["mlstm"], "depth=2", "connection=residual", "initial_state=learned")):
    pass


class TestOtherSlstm(contract("slstm", *VARIANTS["slstm"], "is_bidirectional=false", "bptt_steps=2")):
    pass


FORMS = [(option, variant) for option in OPTIONS for variant in ((), tuple(VARIANTS[option]))]
each_form = pytest.mark.parametrize(("option", "variant"), FORMS)


def read_alone(encoder: RecurrentEncoder, record: Tensor, *, layer: int, direction: int) -> Tensor:
    """Return the hidden states of one cell over one record (time feature), step by step, in the record's order."""
    cell = encoder.layers[layer].cells[direction]
    first = encoder.layers[layer].first_state(record[None, :, None].expand(encoder.n_directions, -1, -1, -1))
    state, outputs = tuple(part[direction] for part in first), []
    for step in record.flip(0) if direction else record:
        state = cell(step[None], state)
        outputs.append(state[0])
    run = torch.cat(outputs)
    return run.flip(0) if direction else run


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@each_form
def test_stacks_over_ragged_records_equal_single_steps(
    option: str, variant: tuple[str, ...], dtype: torch.dtype, tolerance: float
) -> None:
    """Two layers, two directions, learned states: values, summaries and the gradients of all parameters and inputs."""
    plain_variant = [override for override in variant if not override.startswith(("merge", "connection"))]
    encoder = recurrent(option, *plain_variant, "depth=2", "initial_state=learned").to(dtype).eval()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.4)
    values = torch.randn(4, max(LENGTHS), 3, dtype=dtype, requires_grad=True)
    given = [values, *encoder.parameters()]

    def outcomes(outputs: list[Tensor], summaries: Tensor) -> list[Tensor]:
        loss = sum(torch.sin(2 * one).sum() for one in outputs) + torch.cos(summaries).sum()
        return [*outputs, summaries, *torch.autograd.grad(loss, given)]

    def alone(record: Tensor) -> tuple[Tensor, Tensor]:
        for layer in range(2):
            both = [read_alone(encoder, record, layer=layer, direction=d) for d in range(2)]
            record = torch.cat(both, 1)
        return record, torch.cat([both[0][-1], both[1][0]])

    encoded = encoder(Steps(values, torch.tensor(LENGTHS)))
    found = outcomes([one[:length] for one, length in zip(encoded.values, LENGTHS, strict=True)], encoded.summary)
    single = [alone(one[:length]) for one, length in zip(values, LENGTHS, strict=True)]
    expected = outcomes([one for one, _ in single], torch.stack([last for _, last in single]))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=tolerance * max(1, other.abs().max().item()), rtol=tolerance)


@each_form
def test_windows_with_the_state_carried_over_equal_the_full_run(option: str, variant: tuple[str, ...]) -> None:
    encoder = recurrent(option, *variant, "depth=2", "is_bidirectional=false", "is_stateful=true").double().eval()
    values, lengths = torch.randn(4, 20, 3, dtype=torch.double), torch.tensor([5, 0, 3, 20])
    whole = encoder(Steps(values, lengths))
    pieces, state = [], None
    for begin in range(0, 20, 3):
        window = Steps(values[:, begin : begin + 3], (lengths - begin).clamp(0, min(3, 20 - begin)), state=state)
        encoded = encoder(window)
        pieces.append(encoded.values)
        state = encoded.state
    joined = torch.cat(pieces, 1)
    torch.testing.assert_close(joined[whole.mask], whole.values[whole.mask], atol=1e-12, rtol=1e-12)
    assert state.keys() == whole.state.keys()
    untouched = [part for layer in encoder.layers for part in layer.cells[0].zero_state(values[:1, 0])]
    for name, zero in zip(state, untouched, strict=True):
        torch.testing.assert_close(state[name], whole.state[name], atol=1e-12, rtol=1e-12)
        assert torch.equal(state[name][1:2], zero), "an empty record keeps its initial state"


@each_form
def test_truncation_changes_no_value_and_stops_gradients(option: str, variant: tuple[str, ...]) -> None:
    whole = recurrent(option, *variant, "is_bidirectional=false").double().eval()
    cut = recurrent(option, *variant, "is_bidirectional=false", "bptt_steps=3").double().eval()
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


@pytest.mark.parametrize(
    ("option", "n_learned"),
    [("min_gru", 1), ("min_lstm", 1), ("sru", 1), ("qrnn", 2), ("mlstm", 2), ("slstm", 3)],
)
def test_only_states_that_are_read_are_learned(option: str, n_learned: int) -> None:
    """Of each direction: h of the minimal cells, c of an SRU, c and the last inputs of a QRNN, C and n of an mLSTM."""
    assert len(recurrent(option, "initial_state=learned").layers[0].first_states) == 2 * n_learned


@pytest.mark.parametrize("option", OPTIONS)
def test_options_repeat_the_defaults_of_constructors(option: str) -> None:
    stated = node_of(f"encoder={option}")["cell"]
    made = getattr(seqlab_scan, stated["_target_"].rpartition(".")[2])
    defaults = {one.name: one.default for one in inspect.signature(made).parameters.values() if one.kind is one.KEYWORD_ONLY}
    assert defaults == {key: value for key, value in stated.items() if not key.startswith("_")}


@pytest.mark.parametrize("option", [option for option in OPTIONS if option != "slstm"])
@pytest.mark.parametrize("key", ["recurrent_drop_prob", "recurrent_init"])
def test_what_needs_a_recurrent_matrix_is_refused(option: str, key: str) -> None:
    """There is no W h_{t-1} to drop from or to initialise; a key that is added by force is told so, too."""
    override = f"encoder.cell.{key}=0.5"
    with pytest.raises(ConfigCompositionException) as caught:
        compose([f"encoder={option}", override, "paths.run_dir=."])
    assert f"encoder.cell.{key}: there is no such key" in str(explain(caught.value, [override]))
    node = node_of(f"encoder={option}", f"+{override}")
    with pytest.raises(ConfigError, match=rf"encoder.cell.{key} is not an option of \w+Cell"):
        build(node, targets=known_targets(), path="encoder", input_width=3)
