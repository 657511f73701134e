"""Values from the environment: only the command line and `paths` read it, and no shared file gets them."""

import copy
from functools import cache

import pytest
from omegaconf import DictConfig, OmegaConf, open_dict

from seqlab.config.compose import compose
from seqlab.config.environment import check_environment, shareable
from seqlab.config.overrides import Overrides
from seqlab.errors import ConfigError

PLACES = {
    "direct": {"task_name": "${oc.env:SECRET}"},
    "part": {"task_name": "my-${oc.env:SECRET}"},
    "nested": {"task_name": "${oc.decode:${oc.env:SECRET}}"},
    "name of a resolver": {"n": "oc.env", "task_name": "${${n}:SECRET}"},
    "created": {"task_name": "${oc.create:{a: '${oc.env:SECRET}'}}"},
    "default": {"task_name": "${oc.select:none,'${oc.env:SECRET}'}"},
    "other": {"other": "${oc.env:SECRET}", "task_name": "${other}"},
    "list": {"task_name": ["${oc.env:SECRET}"]},
}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cr3t")


@cache
def parsed(typed: tuple[str, ...]) -> tuple[Overrides, DictConfig]:
    overrides = Overrides.parse(typed)
    return overrides, compose(overrides.words)


def of_file(content: dict[str, object], *typed: str) -> tuple[DictConfig, Overrides]:
    """Return a config as composed from overrides and from a file with `content`."""
    overrides, config = parsed(typed)
    config = copy.deepcopy(config)
    with open_dict(config):
        config.merge_with(OmegaConf.create(content))
    return config, overrides


@pytest.mark.parametrize("place", PLACES)
def test_a_file_may_not_read_the_environment(place: str) -> None:
    with pytest.raises(
        ConfigError, match=r"(task_name|other).* reads the environment .*type (task_name|other)=… on the"
    ) as error:
        check_environment(*of_file(PLACES[place]))
    assert "s3cr3t" not in str(error.value)


def test_unknown_resolvers_are_not_called() -> None:
    def resolver(_: str) -> None:
        raise AssertionError

    OmegaConf.register_new_resolver("foreign", resolver)
    try:
        with pytest.raises(ConfigError, match=r"task_name reads the environment \(\$\{foreign:x\}\)"):
            check_environment(*of_file({"task_name": "${foreign:x}"}))
    finally:
        OmegaConf.clear_resolver("foreign")


@pytest.mark.parametrize(
    ("content", "typed"),
    [
        ({}, ["task_name=${oc.env:SECRET}"]),
        ({}, ["tags=[${oc.env:SECRET}]"]),
        ({"paths": {"data": "${oc.env:SECRET}"}, "data": {"dir": "${paths.data}/x"}}, []),
        ({"task_name": "${now:%Y}${python_version:}"}, []),
    ],
)
def test_the_command_line_and_paths_may(content: dict[str, object], typed: list[str]) -> None:
    config, overrides = of_file(content, *typed)
    check_environment(config, overrides)
    assert "s3cr3t" not in str({**shareable(config), "paths": None})


def test_a_typed_value_stays_as_typed_in_shared_files() -> None:
    config, _ = of_file({}, "data.dir=${oc.env:SECRET}/x")
    assert shareable(config)["data"]["dir"] == "${oc.env:SECRET}/x"
    assert config.data.dir == "s3cr3t/x"


@pytest.mark.parametrize(
    ("content", "typed"),
    [
        ({}, ["encoder.merge=${oc.env:SECRET}"]),
        ({"paths": {"merge": "${oc.env:SECRET}"}, "encoder": {"merge": "${paths.merge}"}}, []),
    ],
)
def test_the_model_takes_no_text_from_it(content: dict[str, object], typed: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"encoder\.merge is '\$\{.*\}', read from the environment; the bundle of the model"):
        check_environment(*of_file(content, *typed))
