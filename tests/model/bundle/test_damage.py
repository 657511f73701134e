"""A bundle that is damaged, incomplete or of another format is refused, and the message says what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from safetensors.torch import load_file, save_file

from seqlab.errors import BundleError
from seqlab.model.bundle import load_bundle

Content: TypeAlias = dict[str, Any]
Rewrite: TypeAlias = Callable[[object], None]


@pytest.mark.parametrize("format_number", [0, 2, None, "1"])
def test_another_format_is_refused(model: Path, content: Content, rewrite: Rewrite, format_number: object) -> None:
    rewrite({**content, "format": format_number})
    with pytest.raises(BundleError, match=rf"bundle format is {format_number!r}; this seqlab reads format 1"):
        load_bundle(model)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", '"x"', "\udcff"])
def test_damaged_json_is_refused(model: Path, text: str) -> None:
    (model / "bundle.json").write_bytes(text.encode("utf-8", errors="surrogateescape"))
    with pytest.raises(BundleError, match=r"bundle\.json: (not a readable bundle|bundle format is None)"):
        load_bundle(model)


@pytest.mark.parametrize("name", ["weights.safetensors", "arrays.safetensors"])
def test_a_missing_file_is_refused(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(BundleError, match=r"cannot be loaded: .*(No such file|lacks).*"):
        load_bundle(model)


@pytest.mark.parametrize("name", ["weights.safetensors", "arrays.safetensors"])
@pytest.mark.parametrize("keep", [0, 4, 60, -7])
def test_a_cut_file_is_refused(model: Path, name: str, keep: int) -> None:
    path = model / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError, match=r"made by seqlab .*, cannot be loaded: "):
        load_bundle(model)


@pytest.mark.parametrize("key", ["config", "fields"])
def test_a_missing_key_is_named(model: Path, content: Content, rewrite: Rewrite, key: str) -> None:
    del content[key]
    rewrite(content)
    with pytest.raises(BundleError, match=rf"lacks '{key}'"):
        load_bundle(model)


@pytest.mark.parametrize("key", ["embedding", "encoder", "heads"])
@pytest.mark.parametrize("value", [None, [], "x", 3, {}])
def test_a_part_of_another_kind_is_refused(model: Path, content: Content, rewrite: Rewrite, key: str, value: object) -> None:
    content["config"][key] = value
    rewrite(content)
    with pytest.raises(BundleError, match=r"cannot be loaded: "):
        load_bundle(model)


@pytest.mark.parametrize("width", [0, -1, "8", 9, 2.5])
def test_a_changed_width_is_refused(model: Path, content: Content, rewrite: Rewrite, width: object) -> None:
    content["config"]["embedding"]["parts"]["words"]["width"] = width
    rewrite(content)
    with pytest.raises(BundleError, match=r"cannot be loaded: "):
        load_bundle(model)


def test_weights_of_another_shape_are_refused(model: Path) -> None:
    weights = load_file(model / "weights.safetensors")
    name = "heads.tags.transitions"
    save_file({**weights, name: torch.zeros(2, 2)}, model / "weights.safetensors")
    with pytest.raises(BundleError, match=rf"cannot be loaded: .*{name}"):
        load_bundle(model)


def test_missing_and_surplus_weights_are_refused(model: Path) -> None:
    weights = load_file(model / "weights.safetensors")
    save_file({**weights, "surplus": torch.zeros(1)}, model / "weights.safetensors")
    with pytest.raises(BundleError, match=r"cannot be loaded: .*surplus"):
        load_bundle(model)
    del weights["heads.tags.start"]
    save_file(weights, model / "weights.safetensors")
    with pytest.raises(BundleError, match=r"cannot be loaded: .*heads\.tags\.start"):
        load_bundle(model)
