"""`seqlab.LSTM`, `GRU` and `RNN` equal torch's modules, whatever the options."""

import copy
import io
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import seqlab
from seqlab.encoders import torch_modules
from seqlab.errors import ConfigError

PAIRS = {"LSTM": (seqlab.LSTM, nn.LSTM), "GRU": (seqlab.GRU, nn.GRU), "RNN": (seqlab.RNN, nn.RNN)}
EXTRAS: dict[str, list[dict[str, Any]]] = {
    "LSTM": [{}, {"proj_size": 3}],
    "GRU": [{}],
    "RNN": [{}, {"nonlinearity": "relu"}],
}
LENGTHS = torch.tensor([4, 6, 1])
CASES = [
    (name, {"num_layers": n_layers, "bias": bias, "batch_first": batch_first, "bidirectional": is_bidirectional, **extra})
    for name in PAIRS
    for n_layers, bias, batch_first, is_bidirectional in product((1, 3), (True, False), (True, False), (True, False))
    for extra in EXTRAS[name]
]


def both(name: str, **options: Any) -> tuple[nn.Module, nn.Module]:
    """Return our module and torch's, with the weights that one seed gives them."""
    made = []
    for each in PAIRS[name]:
        torch.manual_seed(5)
        made.append(each(4, 5, dtype=torch.float64, **options))
    return made[0], made[1]


def first_state(name: str, module: nn.Module, n_records: int) -> Any:
    n_rows = module.num_layers * (1 + module.bidirectional)
    width = getattr(module, "proj_size", 0) or 5
    hidden = torch.randn(n_rows, n_records, width, dtype=torch.float64)
    return (hidden, torch.randn(n_rows, n_records, 5, dtype=torch.float64)) if name == "LSTM" else hidden


def tensors(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    return [result.data] if isinstance(result, PackedSequence) else [one for part in result for one in tensors(part)]


def assert_equal(found: Any, expected: Any) -> None:
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_results_and_gradients_equal_those_of_torch(name: str, options: dict[str, Any]) -> None:
    ours, theirs = both(name, **options)
    values = torch.randn(3, 6, 4, dtype=torch.float64) if options["batch_first"] else torch.randn(6, 3, 4, dtype=torch.float64)
    given = first_state(name, theirs, 3)
    packed = pack_padded_sequence(values, LENGTHS, batch_first=options["batch_first"], enforce_sorted=False)
    one = values[0] if options["batch_first"] else values[:, 0]
    of_one = tuple(part[:, 0].contiguous() for part in given) if name == "LSTM" else given[:, 0].contiguous()
    for arguments in ((values,), (values, given), (packed,), (packed, given), (one,), (one, of_one)):
        found, expected = ours(*arguments), theirs(*arguments)
        assert_equal(found, expected)
        sum(part.square().sum() for part in tensors(found)).backward()
        sum(part.square().sum() for part in tensors(expected)).backward()
    for key, parameter in theirs.named_parameters():
        torch.testing.assert_close(getattr(ours, key).grad, parameter.grad, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_lengths_give_what_torch_gives_for_packed_sequences(name: str) -> None:
    ours, theirs = both(name, num_layers=2, bidirectional=True, batch_first=True)
    values, given = torch.randn(3, 6, 4, dtype=torch.float64), first_state(name, theirs, 3)
    output, last = ours(values, given, lengths=LENGTHS)
    packed = pack_padded_sequence(values, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, expected_last = theirs(packed, given)
    padded, _ = nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)
    assert_equal((output, last), (padded, expected_last))
    assert not output[2, 1:].any()


def test_an_empty_sequence_keeps_its_initial_state() -> None:
    ours, theirs = both("LSTM", bidirectional=True)
    given = first_state("LSTM", theirs, 2)
    output, last = ours(torch.randn(3, 2, 4, dtype=torch.float64), given, lengths=[0, 3])
    assert not output[:, 0].any()
    assert_equal([part[:, 0] for part in last], [part[:, 0] for part in given])


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[1]["num_layers"] == 3], ids=str)
def test_state_dicts_are_those_of_torch(name: str, options: dict[str, Any]) -> None:
    ours, theirs = both(name, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        assert torch.equal(value, ours.state_dict()[key]), f"a seed gives another {key}"
    model, changed = nn.Sequential(ours), nn.Sequential(theirs)
    with torch.no_grad():
        changed[0].weight_hh_l0.add_(1)
    model.load_state_dict(changed.state_dict())
    assert torch.equal(ours.weight_hh_l0, theirs.weight_hh_l0)
    changed.load_state_dict(model.state_dict())


def test_a_state_dict_that_does_not_fit_is_refused() -> None:
    ours, _ = both("GRU")
    with pytest.raises(RuntimeError, match="weight_ih_l1"):
        ours.load_state_dict(nn.GRU(4, 5, num_layers=2).state_dict())


@pytest.mark.parametrize("name", PAIRS)
def test_modules_are_copied_saved_and_converted(name: str) -> None:
    ours, _ = both(name, bidirectional=True)
    values = torch.randn(6, 3, 4, dtype=torch.float64)
    expected = ours(values)
    stream = io.BytesIO()
    torch.save(ours, stream)
    stream.seek(0)
    for one in (copy.deepcopy(ours), torch.load(stream, weights_only=False)):
        assert_equal(one(values), expected)
    assert ours.float()(values.float())[0].dtype == torch.float32


def test_options_of_the_cell_are_taken() -> None:
    module = seqlab.LSTM(4, 5, has_peepholes=True, bidirectional=True)
    assert module.state_dict()["peepholes_l0_reverse"].shape == (3, 5)
    assert module(torch.zeros(2, 1, 4))[0].shape == (2, 1, 10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: seqlab.LSTM(4, 5)(torch.zeros(2, 3, 7)), "given 7 features a step; expected 4"),
        (lambda: seqlab.GRU(4, 5)(torch.zeros(2, 3, 4), torch.zeros(2, 3, 5)), r"expected \(1, 3, 5\): layers"),
        (lambda: seqlab.LSTM(4, 5)(torch.zeros(2, 3, 4), (torch.zeros(1, 3, 5),)), "1 initial states; expected hidden, cell"),
        (lambda: seqlab.RNN(4, 5)(torch.zeros(2, 3, 4), lengths=[1, 2, 3]), "lengths are 1 to 3; expected 0 to 2"),
        (lambda: seqlab.RNN(4, 5)(torch.zeros(2, 3, 4), lengths=[1, 2]), "expected 3 integers, one a sequence"),
        (lambda: seqlab.RNN(4, 5)(torch.zeros(2, 3, 4, 1)), "the input has 4 axes"),
        (lambda: seqlab.RNN(4, 5, num_layers=0), "num_layers is 0"),
        (lambda: seqlab.RNN(4, 5, dropout=1.0), "dropout is 1.0"),
        (lambda: seqlab.LSTM(4, 5, proj_size=5), "proj_size is 5"),
        (lambda: seqlab.LSTM(4, 0), "is 0; expected at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert isinstance(caught.value, ValueError)


def test_lengths_beside_a_packed_sequence_are_refused() -> None:
    packed = pack_padded_sequence(torch.zeros(2, 1, 4), torch.tensor([2]))
    with pytest.raises(ConfigError, match="lengths is given with a PackedSequence"):
        seqlab.GRU(4, 5)(packed, lengths=[2])


def test_dropout_acts_between_layers_in_training_alone() -> None:
    module = seqlab.RNN(4, 5, num_layers=2, dropout=0.5)
    values = torch.randn(3, 2, 4)
    assert not torch.equal(module(values)[0], module(values)[0])
    module.eval()
    assert torch.equal(module(values)[0], module(values)[0])


def test_the_modules_are_public() -> None:
    assert {"LSTM", "GRU", "RNN"} <= set(seqlab.__all__)
    assert seqlab.LSTM is torch_modules.LSTM
