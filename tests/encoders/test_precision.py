"""Recurrent encoders under autocast: their recurrences run in full precision, so results stay near those of float32."""

import contextlib
import functools
from typing import Any

import pytest
import torch

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, options_of, plain
from seqlab.functional.native import without_libraries
from seqlab.steps import Steps

QUIET = ["encoder.width=8", "encoder.depth=2", "encoder.drop_prob=0", "encoder.output_drop_prob=0", "paths.run_dir=."]


@functools.cache
def settings_of(option: str) -> dict[str, Any]:
    projected = ["encoder.cell.projection_width=4"] if option == "lstm_projected" else []
    found: dict[str, Any] = plain(compose([f"encoder={option}", *QUIET, *projected]))["encoder"]
    return found


RECURRENT = [
    option for option in options_of("encoder") if "cell" in plain(compose([f"encoder={option}", "paths.run_dir=."]))["encoder"]
]


@pytest.mark.parametrize("loops", [False, True], ids=["compiled", "loops"])
@pytest.mark.parametrize("option", RECURRENT)
def test_bfloat16_autocast_is_near_float32(option: str, loops: bool) -> None:
    is_given = (RECURRENT.index(option) + loops) % 2 == 0  # in bfloat16: half of the options compiled, the others in loops
    torch.manual_seed(0)
    encoder = build(settings_of(option), targets=known_targets(), path="encoder", input_width=5).eval()
    values, lengths = torch.randn(3, 6, 5).bfloat16().float(), torch.tensor([6, 2, 4])
    with without_libraries() if loops else contextlib.nullcontext():
        expected = encoder(Steps(values, lengths))
        (expected.values.float() ** 2).sum().backward()
        gradients = [parameter.grad.clone() for parameter in encoder.parameters()]
        encoder.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = encoder(Steps(values.bfloat16() if is_given else values, lengths))
        (found.values.float() ** 2).sum().backward()
    mask = expected.mask
    torch.testing.assert_close(found.values[mask].float(), expected.values[mask], atol=0.03, rtol=0.05)
    for parameter, gradient in zip(encoder.parameters(), gradients, strict=True):
        assert (parameter.grad - gradient).norm() <= 0.1 * gradient.norm() + 0.02
