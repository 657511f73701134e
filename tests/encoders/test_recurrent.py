import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqlab.encoders import Encoder, RecurrentEncoder
from seqlab.errors import ConfigError
from seqlab.steps import Steps
from seqlab.testing import EncoderContract

LENGTHS = [5, 1, 3, 7]
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def recurrent(
    cell: type[nn.RNNBase], *, input_width: int, width: int = 4, depth: int = 1, is_bidirectional: bool = True
) -> RecurrentEncoder:
    return RecurrentEncoder(
        input_width=input_width,
        layer=lambda inputs, outputs: cell(inputs, outputs, batch_first=True),
        width=width,
        depth=depth,
        is_bidirectional=is_bidirectional,
        dropout_kind="variational",
        drop_prob=0.3,
        output_drop_prob=0.5,
    )


class TestLstmEncoder(EncoderContract):
    def make(self, input_width: int) -> Encoder:
        return recurrent(nn.LSTM, input_width=input_width)


class TestDeepGruEncoder(EncoderContract):
    def make(self, input_width: int) -> Encoder:
        return recurrent(nn.GRU, input_width=input_width, depth=2)


class TestForwardRnnEncoder(EncoderContract):
    def make(self, input_width: int) -> Encoder:
        return recurrent(nn.RNN, input_width=input_width, is_bidirectional=False)


def twin(encoder: RecurrentEncoder, cell: type[nn.RNNBase], *, depth: int, is_bidirectional: bool) -> nn.RNNBase:
    """Torch's own module with the same weights."""
    module = cell(3, 4, num_layers=depth, batch_first=True, bidirectional=is_bidirectional)
    with torch.no_grad():
        for layer, directions in enumerate(encoder.layers):
            for direction, one in enumerate(directions):
                for name, parameter in one.named_parameters():
                    suffix = "_reverse" if direction else ""
                    getattr(module, f"{name.removesuffix('_l0')}_l{layer}{suffix}").copy_(parameter)
    return module


def last_hidden(state: Tensor | tuple[Tensor, Tensor], *, n_directions: int) -> Tensor:
    hidden = state[0] if isinstance(state, tuple) else state
    return torch.cat(list(hidden[-n_directions:]), dim=1)


@pytest.mark.parametrize("is_bidirectional", [False, True])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_encoder_equals_torch_with_packed_sequences(cell: type[nn.RNNBase], depth: int, is_bidirectional: bool) -> None:
    encoder = recurrent(cell, input_width=3, depth=depth, is_bidirectional=is_bidirectional).double().eval()
    oracle = twin(encoder, cell, depth=depth, is_bidirectional=is_bidirectional).double()
    values = torch.randn(4, 7, 3, dtype=torch.double)
    ours, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()
    encoded = encoder(Steps(ours, torch.tensor(LENGTHS)))
    packed = pack_padded_sequence(theirs, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    outputs, state = oracle(packed)
    expected, _ = pad_packed_sequence(outputs, batch_first=True)

    found = encoded.values * encoded.mask.unsqueeze(2)
    torch.testing.assert_close(found, expected)
    summary = last_hidden(state, n_directions=2 if is_bidirectional else 1)
    torch.testing.assert_close(encoded.summary, summary)

    (torch.sin(found).sum() + torch.cos(encoded.summary).sum()).backward()
    (torch.sin(expected).sum() + torch.cos(summary).sum()).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    mirrored = twin(encoder, cell, depth=depth, is_bidirectional=is_bidirectional)
    for (name, parameter), (_, copied) in zip(oracle.named_parameters(), mirrored.named_parameters(), strict=True):
        torch.testing.assert_close(copied.double(), parameter, msg=f"{name}: the twin's weights are not the encoder's")
    for layer, directions in enumerate(encoder.layers):
        for direction, one in enumerate(directions):
            for name, parameter in one.named_parameters():
                other = getattr(oracle, f"{name.removesuffix('_l0')}_l{layer}{'_reverse' if direction else ''}")
                torch.testing.assert_close(parameter.grad, other.grad, msg=lambda text, n=name: f"{n}: {text}")


def test_forget_gates_start_open_and_recurrent_blocks_orthogonal() -> None:
    encoder = recurrent(nn.LSTM, input_width=3)
    layer = encoder.layers[0][0]
    assert layer.bias_ih_l0.view(4, 4).tolist() == [[0.0] * 4, [1.0] * 4, [0.0] * 4, [0.0] * 4]
    assert not layer.bias_hh_l0.any()
    for block in layer.weight_hh_l0.split(4):
        torch.testing.assert_close(block @ block.T, torch.eye(4))


def test_dropout_acts_between_layers_and_after_the_top_while_training() -> None:
    steps = Steps(torch.randn(2, 5, 3), torch.tensor([5, 4]))
    encoder = recurrent(nn.GRU, input_width=3, depth=2)
    encoder.eval()
    quiet = encoder(steps).values
    encoder.train()
    dropped = encoder(steps).values
    assert (dropped == 0).any()
    assert not (quiet == 0).any()
    assert len(encoder.dropouts) == 2


def test_depth_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"encoder.depth is 0; expected at least 1"):
        recurrent(nn.GRU, input_width=3, depth=0)


def test_unknown_dropout_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'zoneout'; expected one of naive, variational, step"):
        RecurrentEncoder(
            input_width=3,
            layer=lambda inputs, outputs: nn.GRU(inputs, outputs, batch_first=True),
            width=4,
            depth=1,
            is_bidirectional=True,
            dropout_kind="zoneout",
            drop_prob=0.1,
            output_drop_prob=0.1,
        )
