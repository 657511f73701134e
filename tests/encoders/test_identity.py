import torch

from seqlab.encoders import Encoder, IdentityEncoder
from seqlab.steps import Steps
from seqlab.testing import EncoderContract


class TestIdentityEncoder(EncoderContract):
    def make(self, input_width: int) -> Encoder:
        return IdentityEncoder(input_width=input_width)


def test_summary_is_the_mean_of_the_real_steps() -> None:
    values = torch.tensor([[[1.0, 10.0], [3.0, 30.0], [99.0, 99.0]], [[99.0, 99.0]] * 3])
    encoded = IdentityEncoder(input_width=2)(Steps(values, torch.tensor([2, 0])))
    assert encoded.summary.tolist() == [[2.0, 20.0], [0.0, 0.0]]
    assert torch.equal(encoded.values[0, :2], values[0, :2])
