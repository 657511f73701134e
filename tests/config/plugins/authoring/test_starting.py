"""A plugin from the template: what is written, and what is refused (tests/packaging installs them and uses them)."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqlab import __version__
from seqlab.config.plugins.authoring import KINDS, start_plugin
from seqlab.errors import ConfigError

GROUP = {"encoder": "encoder", "head": "head", "embedding": "embedding", "field": "embedding", "reader": "data"}
STYLE = ("E", "W", "F", "I", "UP", "B", "C4", "SIM", "RET", "RUF", "N", "D1")


def code_lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")]


def test_every_kind_has_a_group() -> None:
    assert {kind: group for kind, (group, _) in KINDS.items()} == GROUP


@pytest.mark.parametrize("kind", GROUP)
def test_a_plugin_is_a_class_an_option_a_test_and_a_readme(kind: str, tmp_path: Path) -> None:
    root = start_plugin("my_new", kind=kind, folder=tmp_path)
    assert root == tmp_path / "seqlab-my-new"
    assert {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} == {
        "pyproject.toml",
        "README.md",
        "seqlab_my_new/__init__.py",
        f"seqlab_my_new/conf/{GROUP[kind]}/my_new.yaml",
        "tests/test_my_new.py",
    }
    class_name = f"MyNew{kind.capitalize()}"
    tree = ast.parse((root / "seqlab_my_new" / "__init__.py").read_text())
    assert class_name in [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["seqlab.plugins"] == {"my_new": "seqlab_my_new"}
    assert f"seqlab_my_new.{class_name}" in (root / "seqlab_my_new" / "conf" / GROUP[kind] / "my_new.yaml").read_text()
    assert "$" not in (root / "README.md").read_text().replace("$ ", "")


@pytest.mark.parametrize("kind", GROUP)
def test_the_budget_is_kept(kind: str, tmp_path: Path) -> None:
    """Ten lines of TOML, three of YAML, and the class."""
    root = start_plugin("new", kind=kind, folder=tmp_path)
    (option,) = (root / "seqlab_new" / "conf").rglob("*.yaml")
    assert len((root / "pyproject.toml").read_text().splitlines()) <= 10
    assert len(option.read_text().splitlines()) <= 3
    assert yaml.safe_load(option.read_text())
    assert len(code_lines(root / "seqlab_new" / "__init__.py")) <= 60


@pytest.mark.parametrize("kind", GROUP)
def test_what_is_written_is_in_good_style(kind: str, tmp_path: Path) -> None:
    root = start_plugin("new", kind=kind, folder=tmp_path)
    ruff = (sys.executable, "-m", "ruff")
    options = ("--isolated", "--no-cache", "--line-length", "128", "--target-version", "py311")
    rules = ("--select", ",".join(STYLE), "--ignore", "F722,D102,D107,RUF001,RUF002", "--per-file-ignores", "tests/*:D1")
    for command in ([*ruff, "check", *options, *rules], [*ruff, "format", *options, "--check"]):
        done = subprocess.run([*command, "."], cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_it_asks_for_this_seqlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def needed(version: str, name: str) -> str:
        monkeypatch.setattr("seqlab.config.plugins.authoring.new.__version__", version)
        root = start_plugin(name, kind="encoder", folder=tmp_path)
        (requirement,) = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
        return str(requirement)

    assert __version__.startswith("0.1")
    assert needed(__version__, "now") == "seqlab>=0.1,<0.2"
    assert needed("1.4.2rc1", "later") == "seqlab>=1.4,<2"


@pytest.mark.parametrize(
    ("name", "class_name"), [("new", "NewEncoder"), ("my_encoder", "MyEncoder"), ("gru2_fast", "Gru2FastEncoder")]
)
def test_a_class_is_named_for_its_role_once(name: str, class_name: str, tmp_path: Path) -> None:
    root = start_plugin(name, kind="encoder", folder=tmp_path)
    assert f"class {class_name}(Encoder):" in (root / f"seqlab_{name}" / "__init__.py").read_text()


@pytest.mark.parametrize("name", ["", "My", "1st", "a-b", "a__b", "_a", "a_", "class", "a b", "../a", "ä", "a.b"])
def test_a_name_that_cannot_be_one_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"name is '.*'; expected lower-case letters, digits and single _, as in my_encoder"):
        start_plugin(name, kind="encoder", folder=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("null", None),
        ("true", True),
        ("false", False),
        ("yes", True),
        ("no", False),
        ("on", True),
        ("off", False),
        ("nan", "nan"),
    ],
)
def test_a_name_that_configs_take_for_a_value_is_refused(name: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"name is '{name}', which configs read as the value .*{value}.*; choose another"):
        start_plugin(name, kind="encoder", folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_taken_is_refused(tmp_path: Path, install: Any) -> None:
    package = install("taken", options={"head/other": "x: 1\n"})
    with pytest.raises(ConfigError, match=rf"name is 'taken', but there is a package seqlab_taken already \({package}"):
        start_plugin("taken", kind="encoder", folder=tmp_path)
    with pytest.raises(ConfigError, match=r"name is 'lstm', but encoder=lstm exists already; choose another"):
        start_plugin("lstm", kind="encoder", folder=tmp_path)
    with pytest.raises(ConfigError, match=r"kind is 'cell'; expected one of encoder, head, embedding, reader, field"):
        start_plugin("new", kind="cell", folder=tmp_path)
    start_plugin("new", kind="encoder", folder=tmp_path)
    with pytest.raises(ConfigError, match=rf"{tmp_path}/seqlab-new exists already; choose another name, or another folder"):
        start_plugin("new", kind="head", folder=tmp_path)
