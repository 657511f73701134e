"""Defaults stand in constructors, and options repeat them for readers of configs."""

import dataclasses
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqlab.config.paths import config_dir

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = [config_dir(), *REPOSITORY.glob("plugins/*/seqlab_*/conf")]
REQUIRED = inspect.Parameter.empty
NEEDED = {
    *("input_width", "summary_width", "layer_width", "width", "n_epochs"),
    *("field", "target", "bounds", "words", "parts", "cells", "scores", "reader", "optimizer", "parameters"),
    *("columns", "column", "lowest", "highest", "name", "folder", "tool", "frame_columns"),
    *("tree", "monitor", "is_tested"),  # of plugins
}
"""Arguments without a default: sizes, other parts, and facts of the user's data."""
OF_ONE_CORPUS = {
    "seqlab.data.readers.PairsReader": {"numbers"},  # of SICK
    "seqlab.data.fields.PartialTagField": {"scheme"},  # as `data.scheme`
    "seqlab.data.fields.TaughtTagField": {"scheme"},
}
"""Arguments that the only option of a class sets for one corpus."""


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict) and "_target_" in value:
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(child)


@cache
def _nodes_by_target() -> Mapping[str, list[Mapping[str, Any]]]:
    """Return the nodes of all options by their target; experiments are choices, not defaults."""
    found = defaultdict(list)
    for path in sorted(path for folder in FOLDERS for path in folder.rglob("*.yaml")):
        if path.parent.name != "experiment":
            for node in _nodes(yaml.safe_load(path.read_text(encoding="utf-8"))):
                found[str(node["_target_"])].append(node)
    return {target: nodes for target, nodes in found.items() if target.startswith("seqlab")}


def _defaults(target: str) -> dict[str, Any]:
    """Return the default of each argument, or REQUIRED."""
    module, _, name = target.rpartition(".")
    found: Callable[..., Any] = getattr(import_module(module), name)
    parameters = [one for one in inspect.signature(found).parameters.values() if one.kind != one.VAR_KEYWORD]
    made = {one.name: one.default_factory for one in dataclasses.fields(found)} if dataclasses.is_dataclass(found) else {}
    factories = {name: factory for name, factory in made.items() if factory is not dataclasses.MISSING}
    return {one.name: factories[one.name]() if one.name in factories else one.default for one in parameters}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value


def _is_fixed(value: Any) -> bool:
    """Return whether a value of an option stands there: no reference to another key, no part, not left to the user."""
    return not any(mark in str(value) for mark in ("${", "???")) and not list(_nodes(value))


@pytest.mark.parametrize("target", sorted(_nodes_by_target()))
def test_an_option_of_each_class_has_the_defaults_of_its_constructor(target: str) -> None:
    others = OF_ONE_CORPUS.get(target, set())
    defaults = {name: value for name, value in _defaults(target).items() if value is not REQUIRED and name not in others}

    def differences(node: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        stated = {name: value for name, value in node.items() if name in defaults and _is_fixed(value)}
        return {name: (value, defaults[name]) for name, value in stated.items() if value != _plain(defaults[name])}

    assert {} in (found := [differences(node) for node in _nodes_by_target()[target]]), found


@pytest.mark.parametrize("target", sorted(_nodes_by_target()))
def test_constructors_require_sizes_parts_and_facts_of_data_alone(target: str) -> None:
    assert {name for name, value in _defaults(target).items() if value is REQUIRED} <= NEEDED
