from typing import Any

import pytest
import torch
from torch import nn

from seqlab.errors import ConfigError
from seqlab.training.parameter_groups import check_options, parameter_groups


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(3, 2)
        self.encoder = nn.RNN(2, 2)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)


def names(model: nn.Module, group: Any) -> list[str]:
    own = {id(parameter) for parameter in group["params"]}
    return [name for name, parameter in model.named_parameters() if id(parameter) in own]


def test_without_groups_all_that_is_trainable_stands_in_a_row() -> None:
    model = Model()
    found = parameter_groups(model.named_parameters(), {})
    assert [id(parameter) for parameter in found] == [
        id(p) for p in [*model.embedding.parameters(), *model.encoder.parameters()]
    ]


def test_the_first_group_that_names_a_parameter_has_it() -> None:
    model = Model()
    groups = {
        "recurrent": {"parameters": ["encoder.weight_hh*"], "lr": 0.5},
        "encoder": {"parameters": "encoder.*", "weight_decay": 0.0},
    }
    rest, recurrent, encoder = parameter_groups(model.named_parameters(), groups)
    assert names(model, rest) == ["embedding.weight"]
    assert (names(model, recurrent), recurrent["lr"]) == (["encoder.weight_hh_l0"], 0.5)
    assert names(model, encoder) == ["encoder.weight_ih_l0", "encoder.bias_ih_l0", "encoder.bias_hh_l0"]
    assert encoder["weight_decay"] == 0.0
    assert "lr" not in encoder


def test_a_group_learns_at_its_own_rate() -> None:
    model = Model()
    groups = {"still": {"parameters": ["encoder.*"], "lr": 0.0}}
    optimizer = torch.optim.SGD(parameter_groups(model.named_parameters(), groups), lr=0.1)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    model.encoder(model.embedding(torch.tensor([[0, 1]])))[0].sum().backward()
    optimizer.step()
    changed = [name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])]
    assert changed == ["embedding.weight"]


def test_a_group_may_hold_everything() -> None:
    model = Model()
    (only,) = parameter_groups(model.named_parameters(), {"all": {"parameters": ["*"], "lr": 1.0}})
    assert len(only["params"]) == 5


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (
            {"parameters": ["encoder.weight_hx*"]},
            r"encoder\.weight_hx\*' matches no trainable parameter; did you mean encoder\.weight_ih_l0\w*\?",
        ),
        ({"parameters": ["frozen.*"]}, "matches no trainable parameter"),
        ({"lr": 0.1}, "expected a mapping with `parameters`, a list of patterns"),
        ({"parameters": []}, "expected a mapping with `parameters`"),
        (0.1, "parameter_groups.x is 0.1"),
    ],
)
def test_groups_that_say_nothing_are_refused(group: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parameter_groups(Model().named_parameters(), {"x": group})


def test_options_that_the_optimiser_does_not_have_are_refused() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    check_options({"x": {"parameters": ["*"], "lr": 1.0}}, defaults=optimizer.defaults, optimizer="SGD")
    with pytest.raises(ConfigError, match=r"parameter_groups\.x\.rate is not an option of SGD; expected one of lr, momentum"):
        check_options({"x": {"parameters": ["*"], "rate": 1.0}}, defaults=optimizer.defaults, optimizer="SGD")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1}, r"parameter_groups\.x\.lr is -1; expected at least 0"),
        ({"lr": "abc"}, r"lr is 'abc'; expected a value like 0\.1"),
        ({"lr": True}, "lr is True; expected a value like"),
        ({"betas": 5}, r"betas is 5; expected a value like \(0\.9, 0\.999\)"),
        ({"betas": [0.9]}, "expected a value like"),
        ({"amsgrad": 1}, "amsgrad is 1; expected a value like False"),
    ],
)
def test_values_of_another_kind_are_refused(options: dict[str, Any], message: str) -> None:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(ConfigError, match=message):
        check_options({"x": options}, defaults=optimizer.defaults, optimizer="AdamW")


def test_a_group_that_others_have_emptied_is_refused() -> None:
    groups = {"all": {"parameters": ["encoder.*"], "lr": 1.0}, "some": {"parameters": ["encoder.weight_hh*"], "lr": 2.0}}
    with pytest.raises(ConfigError, match=r"parameter_groups\.some has no parameters left: earlier groups match all"):
        parameter_groups(Model().named_parameters(), groups)
