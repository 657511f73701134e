"""Search spaces in Hydra's override syntax."""

from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from seqlab_sweep.space import Space, described, read_space

from seqlab.config.data_defaults import add_data_defaults
from seqlab.config.paths import config_dir
from seqlab.errors import ConfigError


def space_of(*arguments: str, **params: Any) -> Space:
    loader = ConfigLoaderImpl(config_search_path=create_config_search_path(str(config_dir())))
    return read_space({key.replace("__", "."): value for key, value in params.items()}, arguments, loader=loader)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("interval(0.1, 0.5)", FloatDistribution(0.1, 0.5)),
        ("interval(1, 5)", FloatDistribution(1.0, 5.0)),
        ("tag(log, interval(1e-4, 1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
        ("int(interval(1, 8))", IntDistribution(1, 8)),
        ("tag(log, int(interval(1, 64)))", IntDistribution(1, 64, log=True)),
        ("range(50, 200, 25)", IntDistribution(50, 175, step=25)),  # the end is excluded, as in Hydra's own sweeps
        ("range(50, 201, 50)", IntDistribution(50, 200, step=50)),
        ("range(3, 0, -1)", IntDistribution(1, 3)),
        ("range(4)", IntDistribution(0, 3)),
        ("range(0.1, 0.5, 0.1)", FloatDistribution(0.1, 0.4, step=0.1)),
        ("2,2.5,true,null,lstm", CategoricalDistribution([2, 2.5, True, None, "lstm"])),
        ("1,true", CategoricalDistribution(["1", "True"])),  # equal in Python
        ("1,2", CategoricalDistribution([1, 2])),
        ("[words],[words,char_cnn]", CategoricalDistribution(["[words]", "[words,char_cnn]"])),
        ("'a b',{p:0.5}", CategoricalDistribution(["'a b'", "{p:0.5}"])),
    ],
)
def test_override_syntax_gives_the_distribution(said: str, expected: BaseDistribution) -> None:
    assert space_of(f"key={said}").parameters == {"key": expected}
    assert space_of(key=said).parameters == {"key": expected}


def test_a_glob_is_a_choice_of_the_options_of_a_group() -> None:
    (found,) = space_of("scheduler=glob(c*)").parameters.values()
    assert isinstance(found, CategoricalDistribution)
    assert "constant" in found.choices


def test_typed_overrides_take_precedence_over_the_config() -> None:
    space = space_of("optimizer.lr=0.1", "encoder=lstm,gru", "~callbacks.early_stopping", optimizer__lr="interval(0, 1)")
    assert list(space.parameters) == ["encoder"]
    assert space.fixed == ["optimizer.lr=0.1", "~callbacks.early_stopping"]


def test_typed_overrides_take_precedence_whatever_their_sign() -> None:
    space = space_of("++encoder.width=100", "seed=1,2", encoder__width="range(50, 200, 50)")
    assert list(space.parameters) == ["seed"]
    assert space.fixed == ["++encoder.width=100"]
    assert list(space_of("+data.extra=1,2", data__extra="choice(3, 4)").parameters) == ["+data.extra"]


def test_a_deletion_and_a_later_addition_are_both_kept() -> None:
    assert space_of("~scheduler", "+scheduler={}", "seed=1,2").fixed == ["~scheduler", "+scheduler={}"]


def test_overrides_that_suit_a_data_set_yield_to_config_and_command_line() -> None:
    suited = add_data_defaults(["data=sample_frames", "seed=1,2"])
    assert suited[2:] == ["embedding=[frames]", "head=[ctc]"]
    space = space_of(*suited, head="choice([ctc], [hmm_hybrid])")
    assert list(space.parameters) == ["head", "seed"]
    assert space.fixed == ["data=sample_frames", "embedding=[frames]"]
    typed = add_data_defaults(["data=sample_frames", "head=[hmm_hybrid]", "seed=1,2"])
    assert "head=[hmm_hybrid]" in space_of(*typed, head="choice([ctc], [hmm_hybrid])").fixed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder._target_", "mine.Encoder"),
        ("++encoder._target_", "seqlab.encoders.LstmCell,mine.Encoder"),
        ("encoder", "choice({_target_: mine.Encoder}, {width: 4})"),
        ("+callbacks.x", {"inner": {"_target_": "mine.Encoder"}}),
    ],
)
def test_a_config_may_not_search_unknown_classes(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.params names mine\.Encoder, which no installed plugin provides"):
        space_of("seed=1,2", **{key: value})


def test_a_config_may_search_known_classes_and_the_command_line_any() -> None:
    space = space_of("+callbacks.x._target_=mine.A,mine.B", encoder___target_="choice(seqlab.encoders.LstmCell)")
    assert list(space.parameters) == ["encoder._target_", "+callbacks.x._target_"]


def test_values_round_trip_through_override_syntax() -> None:
    space = space_of("+a=1,2.5,true,null,'x, y',{p:[1,2]}", "b=interval(0, 1)")
    parser = OverridesParser.create()
    (choices,) = (d.choices for d in space.parameters.values() if isinstance(d, CategoricalDistribution))
    read = [parser.parse_override(word).value() for value in choices for word in space.overrides({"+a": value})]
    assert read == [1, 2.5, True, None, "x, y", {"p": [1, 2]}]
    assert parser.parse_override(space.overrides({"b": 1e-05})[0]).value() == 1e-05


def test_corners_have_every_choice_and_both_ends() -> None:
    corners = space_of("a=interval(0, 1)", "b=x,y,z").corners()
    assert {corner["b"] for corner in corners} == {"x", "y", "z"}
    assert {corner["a"] for corner in corners} == {0.0, 1.0}


def test_grid_lists_what_ranges_and_choices_hold() -> None:
    grid = space_of("a=range(50, 200, 25)", "b=x,y", "c=range(0.1, 0.5, 0.1)").grid()
    assert grid == {"a": [50, 75, 100, 125, 150, 175], "b": ["x", "y"], "c": [0.1, 0.2, 0.3, 0.4]}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("interval(2, 1)", r"key is interval\(2, 1\), which is empty; the lower bound comes first"),
        ("interval(1, 1)", "which is empty"),
        ("tag(log, interval(-1, 1))", "key has tag log and starts at -1; a logarithmic scale starts above 0"),
        ("tag(log, interval(0, 1))", "starts at 0"),
        ("range(5, 5)", r"key is range\(5, 5, 1\), which is empty; its end is excluded"),
        ("range(1, 5, 0)", "key is a range with step 0; expected a nonzero step"),
        ("tag(log, range(1, 9, 2))", "tag log and a step of 2"),
        ("tag(log, range(0.1, 0.5, 0.1))", "tag log and a step of 0.1"),
        ("tag(fast, interval(0, 1))", "key has the unknown tag fast; the only tag is log"),
    ],
)
def test_invalid_spaces_are_refused(said: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        space_of(f"key={said}")


def test_a_grid_through_an_interval_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"b is an interval, which a grid cannot enumerate; use range\(…\) or choice\(…\)"):
        space_of("a=1,2", "b=interval(0, 1)").grid()


def test_a_sweep_without_a_space_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to search"):
        space_of("a=1")


def test_described_spaces_are_plain_values() -> None:
    found = {
        key: described(one)
        for key, one in space_of("a=range(0, 4, 2)", "b=tag(log, interval(1, 2))", "c=x,y").parameters.items()
    }
    assert found == {
        "a": {"kind": "int", "low": 0, "high": 2, "step": 2, "log": False},
        "b": {"kind": "float", "low": 1.0, "high": 2.0, "step": None, "log": True},
        "c": {"kind": "choice", "choices": ["x", "y"]},
    }
