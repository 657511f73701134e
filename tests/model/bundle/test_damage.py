"""A bundle that is damaged, incomplete or of another format is refused, and the message says what is wrong."""

import json
import os
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


def test_weights_of_another_shape_are_refused(model: Path, content: Content, rewrite: Rewrite) -> None:
    weights = load_file(model / "weights.safetensors")
    name = "heads.tags.transitions"
    save_file({**weights, name: torch.zeros(2, 2)}, model / "weights.safetensors")
    rewrite(content)
    with pytest.raises(BundleError, match=rf"cannot be loaded: .*{name}"):
        load_bundle(model)


def test_missing_and_surplus_weights_are_refused(model: Path, content: Content, rewrite: Rewrite) -> None:
    weights = load_file(model / "weights.safetensors")
    save_file({**weights, "surplus": torch.zeros(1)}, model / "weights.safetensors")
    rewrite(content)
    with pytest.raises(BundleError, match=r"cannot be loaded: .*surplus"):
        load_bundle(model)
    del weights["heads.tags.start"]
    save_file(weights, model / "weights.safetensors")
    rewrite(content)
    with pytest.raises(BundleError, match=r"cannot be loaded: .*heads\.tags\.start"):
        load_bundle(model)


@pytest.mark.parametrize("name", ["weights.safetensors", "arrays.safetensors", "bundle.json"])
def test_a_changed_byte_is_noticed(model: Path, name: str) -> None:
    content = bytearray((model / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name}.*(has changed since it was saved|not a readable bundle)"):
        load_bundle(model)


def test_a_bundle_without_hashes_loads_with_a_warning(model: Path, content: Content, caplog: pytest.LogCaptureFixture) -> None:
    del content["sha256"]
    (model / "bundle.json").write_text(json.dumps(content), encoding="utf-8")
    assert load_bundle(model).labeler
    assert "without hashes: damage goes unseen" in caplog.text


def test_a_file_that_has_no_hash_is_refused(model: Path, content: Content, rewrite: Rewrite) -> None:
    (model / "arrays.safetensors").rename(model / "kept")
    rewrite(content)
    (model / "kept").rename(model / "arrays.safetensors")
    with pytest.raises(BundleError, match=r"arrays\.safetensors has changed since it was saved"):
        load_bundle(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(model: Path, content: Content, rewrite: Rewrite, value: float) -> None:
    weights = load_file(model / "weights.safetensors")
    weights["heads.tags.transitions"][0, 0] = value
    save_file(weights, model / "weights.safetensors")
    rewrite(content)
    with pytest.raises(BundleError, match=r"heads\.tags\.transitions has 1 of 25 values that are not finite"):
        load_bundle(model)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int32])
def test_weights_of_another_type_are_refused(model: Path, content: Content, rewrite: Rewrite, dtype: torch.dtype) -> None:
    weights = load_file(model / "weights.safetensors")
    save_file({**weights, "heads.tags.start": weights["heads.tags.start"].to(dtype)}, model / "weights.safetensors")
    rewrite(content)
    with pytest.raises(BundleError, match=rf"heads\.tags\.start is {str(dtype)[6:]} \(5,\) there and float32 \(5,\) here"):
        load_bundle(model)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("encoder", "depth"), 100_000),
        (("encoder", "depth"), 10**9),
        (("encoder", "width"), 50_000),
        (("embedding", "parts", "words", "width"), 2_000_000),
        (("embedding", "parts", "words", "width"), 10**30),
    ],
)
def test_a_config_of_a_larger_model_than_the_weights_is_refused_before_it_is_built(
    model: Path, content: Content, rewrite: Rewrite, place: tuple[str, ...], value: int
) -> None:
    node = content["config"]
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    rewrite(content)
    with pytest.raises(BundleError, match=r"cannot be loaded: .*(weights have|larger model than|more than the weights hold)"):
        load_bundle(model)


def test_a_vocabulary_beyond_the_weights_is_refused_before_it_is_built(model: Path, content: Content, rewrite: Rewrite) -> None:
    field = content["fields"]["CategoryField(column='tokens', view='lower', min_count=1)"]
    field |= {"items": [f"w{i}" for i in range(100_000)], "counts": [1] * 100_000}
    content["config"]["embedding"]["parts"]["words"]["width"] = 200
    rewrite(content)
    with pytest.raises(BundleError, match=r"cannot be loaded: .*(larger model than|more than the weights hold)"):
        load_bundle(model)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ('{"format": 1, "config": {}, "fields": {}, "facts": null}', "lacks 'embedding'"),
        ('{"format": 1, "config": null, "fields": {}}', "lacks 'embedding'"),
        ('{"format": 1, "label": "\\ud800"}', "surrogates not allowed"),
    ],
)
def test_json_of_another_kind_is_refused(model: Path, text: str, reason: str) -> None:
    (model / "bundle.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match=reason):
        load_bundle(model)


def test_facts_must_be_an_object(model: Path, content: Content) -> None:
    (model / "bundle.json").write_text(json.dumps({**content, "facts": None}), encoding="utf-8")
    with pytest.raises(BundleError, match=r"facts is a NoneType; expected an object"):
        load_bundle(model)


@pytest.mark.parametrize("name", ["weights.safetensors", "bundle.json"])
def test_a_pipe_is_not_waited_for(model: Path, name: str) -> None:
    (model / name).unlink()
    os.mkfifo(model / name)
    with pytest.raises(BundleError, match=rf"{name}: No such file"):
        load_bundle(model)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"data": 3}, r"facts: data is a int; expected an object"),
        ({"data": {"reader": 1}}, r"facts.data: reader is a int; expected an object"),
        ({"data": {"reader": {"scheme": ["BIO"]}}}, r"facts.data: reader.scheme is a list; expected a text"),
        ({"data": {"heads": "tags"}}, r"facts.data: heads is a str; expected a list"),
        ({"data": {"sets": {"one": None}}}, r"facts.data.sets: one is a NoneType; expected an object"),
        ({"data": {"sets": {"one": {"columns": []}}}}, r"facts.data.sets.one: columns is a list; expected an object"),
        ({"seed": "1"}, r"facts: seed is a str; expected a number"),
    ],
)
def test_facts_of_another_kind_are_refused(
    model: Path, content: Content, rewrite: Rewrite, facts: dict[str, Any], message: str
) -> None:
    rewrite({**content, "facts": facts})
    with pytest.raises(BundleError, match=message):
        load_bundle(model)
