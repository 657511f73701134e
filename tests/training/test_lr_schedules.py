"""Schedules: the rates of each epoch are the formula's, and nothing of them breaks a checkpoint."""

import io
import pickle

import pytest
import torch
from torch import nn

from seqlab.errors import ConfigError
from seqlab.training.lr_schedules import warmup_cosine, warmup_linear


def rates(make, n_steps: int, **settings) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=10.0)
    schedule = make(optimizer, **settings)
    seen = []
    for _ in range(n_steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_warmup_linear_rises_then_falls_along_a_line():
    seen = rates(warmup_linear, 8, n_epochs=6, warmup_epochs=2, final_fraction=0.2)
    assert seen == pytest.approx([10 / 3, 20 / 3, 10, 8, 6, 4, 2, 2])


def test_warmup_cosine_falls_along_half_a_cosine():
    seen = rates(warmup_cosine, 7, n_epochs=5, warmup_epochs=1, final_fraction=0.0)
    assert seen == pytest.approx([5, 10, 10 * (0.5 + 0.5**1.5), 5, 10 * (0.5 - 0.5**1.5), 0, 0], abs=1e-12)


def test_warmup_cosine_without_warmup_equals_torch():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=10.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=9, eta_min=1.0)
    expected = []
    for _ in range(9):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates(warmup_cosine, 9, n_epochs=9, warmup_epochs=0, final_fraction=0.1) == pytest.approx(expected)


@pytest.mark.parametrize("make", [warmup_linear, warmup_cosine])
def test_schedule_pickles_and_its_state_loads_without_code(make):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=10.0)
    schedule = make(optimizer, n_epochs=4, warmup_epochs=1, final_fraction=0.5)
    optimizer.step()
    schedule.step()
    stored = io.BytesIO()
    torch.save(schedule.state_dict(), stored)
    stored.seek(0)
    fresh = make(optimizer, n_epochs=4, warmup_epochs=1, final_fraction=0.5)
    fresh.load_state_dict(torch.load(stored, weights_only=True))
    assert fresh.get_last_lr() == schedule.get_last_lr()
    again = pickle.loads(pickle.dumps(schedule))  # noqa: S301 (our own bytes)
    assert [factor(3) for factor in again.lr_lambdas] == [factor(3) for factor in schedule.lr_lambdas]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_epochs": 3, "warmup_epochs": 3}, r"warmup_epochs is 3; expected 0 to 2"),
        ({"n_epochs": 3, "warmup_epochs": -1}, r"warmup_epochs is -1; expected 0 to 2"),
        ({"n_epochs": -1, "warmup_epochs": 1}, r"n_epochs is -1"),
        ({"n_epochs": 3, "warmup_epochs": 1, "final_fraction": 1.5}, r"final_fraction is 1\.5"),
    ],
)
def test_schedule_refuses_what_cannot_work(settings, message):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    with pytest.raises(ConfigError, match=message):
        warmup_linear(optimizer, **{"final_fraction": 0.0, **settings})
