"""Encoders are ordinary modules: copied, pickled and converted as any other."""

import copy
import io
import pickle
from functools import cache, partial

import pytest
import torch
from torch import nn

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, options_of, plain
from seqlab.encoders import LstmCell, RecurrentEncoder
from seqlab.steps import Steps

OF_TREES = ("recnn", "rntn", "treegru", "treelstm")
OPTIONS = [option for option in options_of("encoder") if not option.startswith(OF_TREES)]
LENGTHS = torch.tensor([4, 2])


@cache
def encoder_of(option: str) -> nn.Module:
    settings = plain(compose([f"encoder={option}", "paths.run_dir=."]))["encoder"]
    torch.manual_seed(0)
    made: nn.Module = build(settings, targets=known_targets(), path="encoder", input_width=5)
    return made.eval()


@pytest.mark.parametrize("option", OPTIONS)
def test_copies_and_pickles_give_the_same(option: str) -> None:
    encoder, steps = encoder_of(option), Steps(torch.randn(2, 4, 5), LENGTHS)
    expected, stream = encoder(steps), io.BytesIO()
    torch.save(encoder, stream)
    stream.seek(0)
    for one in (copy.deepcopy(encoder), torch.load(stream, weights_only=False)):
        found = one(steps)
        assert torch.equal(found.values[found.mask], expected.values[expected.mask])
        assert torch.equal(found.summary, expected.summary)


@pytest.mark.parametrize("option", OPTIONS)
def test_in_float64_it_gives_nearly_the_same(option: str) -> None:
    encoder, values = encoder_of(option), torch.randn(2, 4, 5)
    expected, found = encoder(Steps(values, LENGTHS)), copy.deepcopy(encoder).double()(Steps(values.double(), LENGTHS))
    assert found.values.dtype == torch.float64
    torch.testing.assert_close(found.values[found.mask].float(), expected.values[expected.mask], atol=1e-5, rtol=1e-4)


def test_an_encoder_of_partial_cells_is_pickled() -> None:
    encoder = RecurrentEncoder(5, 4, cell=partial(LstmCell, has_peepholes=True)).eval()
    found, steps = pickle.loads(pickle.dumps(encoder)), Steps(torch.randn(2, 4, 5), LENGTHS)  # noqa: S301 (our own bytes)
    assert torch.equal(found(steps).summary, encoder(steps).summary)
