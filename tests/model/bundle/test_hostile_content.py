"""Loading a bundle runs nothing that it names, wherever the name stands."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from seqlab.errors import BundleError
from seqlab.model.bundle import load_bundle

HOSTILE = [
    "os.system",
    "os.popen",
    "os.execv",
    "os.spawnl",
    "os.remove",
    "os.rename",
    "os.putenv",
    "os._exit",
    "posix.system",
    "builtins.eval",
    "builtins.exec",
    "builtins.compile",
    "builtins.open",
    "builtins.__import__",
    "builtins.getattr",
    "builtins.print",
    "subprocess.Popen",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "shutil.rmtree",
    "shutil.move",
    "shutil.copyfile",
    "pathlib.Path",
    "pathlib.Path.write_text",
    "importlib.import_module",
    "runpy.run_path",
    "runpy.run_module",
    "code.interact",
    "pty.spawn",
    "pickle.loads",
    "pickle.load",
    "marshal.loads",
    "ctypes.CDLL",
    "socket.create_connection",
    "urllib.request.urlopen",
    "functools.partial",
    "operator.methodcaller",
    "operator.attrgetter",
    "multiprocessing.Process",
    "threading.Thread",
    "torch.load",
    "torch.hub.load",
    "torch.jit.load",
    "torch.utils.cpp_extension.load",
    "torch.nn.Module",
    "pytorch_lightning.Trainer",
    "pytorch_lightning.loggers.CSVLogger",
    "pytorch_lightning.callbacks.ModelCheckpoint",
    "hydra.utils.instantiate",
    "hydra.utils.call",
    "hydra.utils.get_method",
    "hydra.utils.get_object",
    "numpy.load",
    "datasets.load_dataset",
    "yaml.unsafe_load",
    "seqlab.config.compose.build",
    "seqlab.model.bundle.load_bundle",
    "seqlab.training.train.train",
    "seqlab.data.readers.ConllReader",
    "seqlab.embeddings",
    "seqlab.encoders.recurrent.RecurrentEncoder",
    ".os.system",
]
PLACES = {
    "embedding": ("embedding",),
    "embedding part": ("embedding", "parts", "words"),
    "field": ("embedding", "parts", "words", "field"),
    "encoder": ("encoder",),
    "cell of the encoder": ("encoder", "cell"),
    "head": ("heads", "tags"),
    "target of the head": ("heads", "tags", "target"),
    "a plain value": ("encoder", "width"),
}
Content: TypeAlias = dict[str, Any]
Rewrite: TypeAlias = Callable[[object], None]


def node_at(content: dict[str, Any], place: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    node = content["config"]
    for key in place[:-1]:
        node = node[key]
    return node, place[-1]


def test_every_place_is_a_node_of_the_model(content: Content) -> None:
    for place in PLACES.values():
        parent, key = node_at(content, place)
        assert key in parent


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Path]:
    """A file that no load may make: every hostile node below would, were it run."""
    path = tmp_path / "sentinel"
    yield path
    assert not path.exists(), "loading ran what the bundle named"


def hostile_node(target: object, sentinel: Path) -> dict[str, Any]:
    code = f"open({str(sentinel)!r}, 'w').close()"
    return {
        "_target_": target,
        "_args_": [f"touch {sentinel}"],
        "_convert_": "all",
        "command": f"touch {sentinel}",
        "args": f"touch {sentinel}",
        "shell": True,
        "source": code,
        "file": str(sentinel),
        "path": str(sentinel),
    }


CASES = [
    *((target, list(PLACES)[i % len(PLACES)]) for i, target in enumerate(HOSTILE)),
    *(("os.system", place) for place in PLACES),
]


@pytest.mark.parametrize(("target", "place"), CASES)
def test_a_hostile_target_is_refused_wherever_it_stands(
    model: Path, content: Content, rewrite: Rewrite, sentinel: Path, target: str, place: str
) -> None:
    parent, key = node_at(content, PLACES[place])
    parent[key] = hostile_node(target, sentinel)
    rewrite(content)
    path = re.escape(".".join(PLACES[place]))
    with pytest.raises(BundleError, match=rf"{path}\._target_ is '{re.escape(target)}', which no config file"):
        load_bundle(model)


def test_the_sentinel_notices_when_a_target_runs(sentinel: Path) -> None:
    node = hostile_node("os.system", sentinel)
    assert os.system(node["_args_"][0]) == 0
    assert sentinel.exists()
    sentinel.unlink()


@pytest.mark.parametrize("target", [None, 3, ["os.system"], {"_target_": "os.system"}, ""])
def test_a_target_that_is_no_name_is_refused(model: Path, content: Content, rewrite: Rewrite, target: object) -> None:
    content["config"]["encoder"]["_target_"] = target
    rewrite(content)
    with pytest.raises(BundleError, match=r"cannot be loaded: "):
        load_bundle(model)


def test_a_known_target_in_the_wrong_place_is_refused(model: Path, content: Content, rewrite: Rewrite) -> None:
    content["config"]["encoder"] = content["config"]["heads"]["tags"]
    rewrite(content)
    with pytest.raises(BundleError, match=r"cannot be loaded: "):
        load_bundle(model)


def test_interpolations_in_values_are_not_resolved(
    model: Path, content: Content, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "tokens")
    content["facts"]["note"] = "${oc.env:SECRET}"
    content["config"]["embedding"]["parts"]["vectors"]["field"]["paths"] = ["${oc.env:SECRET}"]
    rewrite(content)
    with pytest.raises(BundleError, match=r"lacks .*\$\{oc\.env:SECRET\}"):
        load_bundle(model)


def test_an_interpolation_does_not_choose_a_column(model: Path, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "tokens")
    text = (model / "bundle.json").read_text(encoding="utf-8")
    literal = text.replace('"column": "tokens"', '"column": "${oc.env:SECRET}"')
    literal = literal.replace("column='tokens'", "column='${oc.env:SECRET}'")
    rewrite(json.loads(literal))
    bundle = load_bundle(model)
    assert {field.column for field in bundle.fields} == {"${oc.env:SECRET}", "tags", "label"}
