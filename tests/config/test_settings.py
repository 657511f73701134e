"""The shape of a config: parts are mappings, names are text, choices are known; arguments have the kind of their default."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from torch.optim import AdamW

from seqlab.config.arguments import check_arguments
from seqlab.config.compose import compose, raw
from seqlab.config.settings import check_shape
from seqlab.data.fields import Field
from seqlab.encoders.cells import Cell
from seqlab.errors import ConfigError
from seqlab.training.train import untrained


@cache
def own(experiment: str) -> dict[str, Any]:
    return raw(compose([f"experiment={experiment}", "data.dir=x"] if experiment == "wnut17" else [f"experiment={experiment}"]))


@pytest.mark.parametrize("experiment", ["demo", "wnut17", "ewt_wnut17", "cmudict", "hmm"])
def test_configs_that_come_with_seqlab_have_the_shape(experiment: str) -> None:
    check_shape(own(experiment))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("heads.tags", 0, r"^heads\.tags is 0; expected a mapping of options"),
        ("heads.tags", None, r"^heads\.tags is None; expected a mapping of options"),
        ("encoder", "lstm", r"^encoder is 'lstm'; expected a mapping of options"),
        ("data.reader", None, r"^data\.reader is None; expected a mapping"),
        ("data.splits", 3, r"^data\.splits is 3; expected a mapping"),
        ("parameter_groups", 3, r"^parameter_groups is 3; expected a mapping"),
        ("embedding.dropout", 3, r"^embedding\.dropout is 3; expected a mapping"),
        ("data.splits.train", True, r"^data\.splits\.train is True; expected text: data\.splits\.train='\"True\"'"),
        ("data.dir", 2024, r"^data\.dir is 2024; expected text: data\.dir='\"2024\"'"),
        ("monitor", 3, r"^monitor is 3; expected text"),
        ("ckpt_path", -0.0, r"^ckpt_path is -0\.0; expected text"),
        ("ckpt_path", ["a"], r"^ckpt_path is \['a'\]; expected text$"),
        ("monitor_mode", "up", r"^monitor_mode is 'up'; expected one of min, max"),
        ("train", "x", r"^train is 'x'; expected one of true, false"),
        ("test", 1, r"^test is 1; expected one of true, false"),
        (
            "trainer.precision",
            "bf16-true",
            r"^trainer\.precision is 'bf16-true'; expected one of null, 32, 32-true, 16, 16-mixed",
        ),
    ],
)
def test_values_of_another_kind_are_refused(path: str, value: object, message: str) -> None:
    settings = copy.deepcopy(own("demo"))
    *parents, last = path.split(".")
    node = settings
    for name in parents:
        node = node[name]
    node[last] = value
    with pytest.raises(ConfigError, match=message):
        check_shape(settings)


def test_a_part_that_is_removed_is_missed() -> None:
    settings = {name: value for name, value in own("demo").items() if name != "optimizer"}
    with pytest.raises(ConfigError, match=r"^optimizer is missing; expected a mapping of options"):
        check_shape(settings)


@pytest.mark.parametrize("name", ["max_eval_tokens", "seed", "test", "ckpt_check"])
def test_a_setting_that_is_removed_is_missed(name: str) -> None:
    settings = {key: value for key, value in own("demo").items() if key != name}
    with pytest.raises(ConfigError, match=rf"^{name} is missing; it can be set, but not removed"):
        check_shape(settings)


def takes(field: Field, cell: Callable[[int, int], Cell] = Cell, n: int | None = None) -> None: ...


@pytest.mark.parametrize(
    ("factory", "arguments", "message"),
    [
        (takes, {"field": 1e9}, r"part\.field is 1000000000\.0; expected a mapping that describes it, with _target_"),
        (takes, {"field": object(), "cell": "lstm"}, r"part\.cell is 'lstm'; expected a mapping that describes it"),
        (AdamW, {"params": object(), "lr": "fast"}, r"part\.lr is 'fast'; expected a number, such as 0\.001"),
        (AdamW, {"params": object(), "lr": None}, r"part\.lr is None; expected a number, such as 0\.001"),
        (AdamW, {"params": object(), "betas": 3}, r"part\.betas is 3; expected a list, such as \[0\.9, 0\.999\]"),
    ],
)
def test_arguments_of_another_kind_are_refused(factory: Any, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_arguments(factory, arguments, given=(), path="part", is_partial=False)


def test_arguments_of_the_right_kind_pass() -> None:
    fitting = {"params": object(), "lr": 0.1, "betas": [0.9, 0.99], "foreach": None, "weight_decay": 0}
    check_arguments(AdamW, fitting, given=(), path="optimizer", is_partial=False)
    check_arguments(takes, {"field": object(), "cell": Cell, "n": None}, given=(), path="part", is_partial=False)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("~encoder._target_", "encoder has no _target_, which names its class; choose an option for it"),
        ("~heads.tags._target_", "heads.tags has no _target_"),
        ("~heads.tags.target._target_", r"heads.tags.target is \{.*\}; expected a mapping that describes it, with _target_"),
        (
            "~embedding.parts.words.field._target_",
            r"words.field is \{.*\}; expected a mapping that describes it",
        ),
        ("heads.tags.class_weights=1", "heads.tags.class_weights is 1; expected a mapping"),
        ("ckpt_path=${seed}", r"ckpt_path is 12345; expected text"),
        ("init_from=${seed}", r"init_from is 12345; expected text"),
    ],
)
def test_parts_without_a_class_and_values_of_other_kinds_are_named(override: str, message: str) -> None:
    sizes = ["data.reader.n_train=20", "data.reader.n_val=5", "data.reader.n_test=5"]
    with pytest.raises(ConfigError, match=message):
        untrained([*sizes, override])
