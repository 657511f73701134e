"""Defaults stand in constructors; options repeat them."""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import seqlab_recnn
import yaml

CONF = Path(seqlab_recnn.__file__).parent / "conf"
NEEDED = {"input_width", "width", "tree", "reader", "suffix"}
"""Arguments without a default, or with one that stands for a part."""


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        if str(value.get("_target_", "")).startswith("seqlab_recnn."):
            yield value
        for child in value.values():
            yield from _nodes(child)


OPTIONS = [
    pytest.param(node, id=f"{path.relative_to(CONF)}-{node['_target_']}")
    for path in sorted(CONF.rglob("*.yaml"))
    if path.parent.name != "experiment"
    for node in _nodes(yaml.safe_load(path.read_text(encoding="utf-8")))
]


def _defaults(name: str) -> dict[str, Any]:
    found = getattr(seqlab_recnn, name)
    made = {one.name: one.default_factory for one in dataclasses.fields(found)} if dataclasses.is_dataclass(found) else {}
    given = {one.name: one.default for one in inspect.signature(found).parameters.values()}
    return {key: made[key]() if callable(made.get(key)) else value for key, value in given.items()}


@pytest.mark.parametrize("node", OPTIONS)
def test_an_option_has_the_defaults_of_its_constructor(node: Mapping[str, Any]) -> None:
    defaults = _defaults(node["_target_"].rpartition(".")[2])
    stated = {
        key: value for key, value in node.items() if key in defaults and "${" not in str(value) and not isinstance(value, dict)
    }
    assert stated == {key: list(defaults[key]) if isinstance(defaults[key], tuple) else defaults[key] for key in stated}


@pytest.mark.parametrize("name", sorted({node.values[0]["_target_"].rpartition(".")[2] for node in OPTIONS}))
def test_constructors_require_sizes_and_parts_alone(name: str) -> None:
    assert {key for key, value in _defaults(name).items() if value is inspect.Parameter.empty} <= NEEDED
