import pytest
import torch

from seqlab.encoders import ChainEncoder, Encoder, IdentityEncoder, OutputEncoder, WindowEncoder
from seqlab.errors import ConfigError
from seqlab.steps import Steps
from seqlab.testing import EncoderContract


def window(input_width: int, *, window: int = 3, depth: int = 2) -> WindowEncoder:
    return WindowEncoder(input_width=input_width, window=window, width=4, depth=depth, activation="tanh", drop_prob=0.5)


def output(input_width: int) -> OutputEncoder:
    return OutputEncoder(input_width=input_width, width=4, activation="tanh")


class TestWindowEncoder(EncoderContract):
    def make(self, input_width: int) -> Encoder:
        return window(input_width)


class TestOutputEncoder(EncoderContract):
    def make(self, input_width: int) -> Encoder:
        return output(input_width)


class TestChainEncoder(EncoderContract):
    def make(self, input_width: int) -> Encoder:
        parts = {"see": lambda *, input_width: window(input_width), "say": lambda *, input_width: output(input_width)}
        return ChainEncoder(input_width=input_width, parts=parts)


def test_a_window_sees_its_neighbours_and_no_further() -> None:
    encoder = window(2, window=3).eval()
    values = torch.randn(1, 6, 2, requires_grad=True)
    encoded = encoder(Steps(values, torch.tensor([6]))).values
    (seen,) = torch.autograd.grad(encoded[0, 3].sum(), values)
    assert seen[0].any(1).tolist() == [False, False, True, True, True, False]


def test_an_output_layer_adds_up_what_two_directions_say() -> None:
    encoder, values = output(6), torch.randn(1, 2, 6)
    forwards, backwards = values.chunk(2, dim=2)
    v, v_back = encoder.linear.weight.chunk(2, dim=1)
    expected = torch.tanh(forwards @ v.T + backwards @ v_back.T + encoder.linear.bias)
    torch.testing.assert_close(encoder(Steps(values, torch.tensor([2]), n_directions=2)).values, expected)


def test_a_chain_runs_its_parts_in_order() -> None:
    chain = ChainEncoder(
        input_width=2,
        parts={"same": IdentityEncoder, "see": lambda *, input_width: window(input_width)},
    ).eval()
    steps = Steps(torch.randn(1, 3, 2), torch.tensor([3]))
    torch.testing.assert_close(chain(steps).values, chain.parts["see"](steps).values)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"encoder.parts is empty"):
        ChainEncoder(input_width=2, parts={})
    with pytest.raises(ConfigError, match=r"encoder.window is 4; expected an odd number"):
        window(2, window=4)
    with pytest.raises(ConfigError, match=r"encoder.depth is 0; expected at least 1"):
        window(2, depth=0)
