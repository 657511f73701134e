"""`seqlab plugins new`: a distribution from a template, with a class, its option, its contract test and a README."""

import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from seqlab import __version__
from seqlab.config.compose import options_of
from seqlab.config.imports import module_path
from seqlab.errors import ConfigError

TEMPLATE = Path(__file__).resolve().parent / "template"
SUFFIX = ".template"


class Kind(NamedTuple):
    """A kind of part: the config group of its option, and the override that chooses it."""

    group: str
    choice: str


KINDS = {
    "encoder": Kind("encoder", "encoder={}"),
    "head": Kind("head", "head=[{}]"),
    "embedding": Kind("embedding", "embedding=[words,{}]"),
    "reader": Kind("data", "data={} data.dir=path/to/folder"),
    "field": Kind("embedding", "embedding=[words,{}]"),
}


def start_plugin(name: str, *, kind: str, folder: Path) -> Path:
    """Write a distribution `seqlab-NAME` into `folder`, and return its path.

    Raises: ConfigError for an invalid or taken name, an unknown kind, and a folder that exists already.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    _check_name(name, group=KINDS[kind].group)
    words = _words(name, kind=kind)
    root = folder / words["distribution"]
    if root.exists():
        raise ConfigError(f"{root} exists already; choose another name, or another folder with --dir")
    for source, target in _files(name, kind=kind, package=words["package"]).items():
        path = root / target
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (TEMPLATE / f"{source}{SUFFIX}").read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(words), encoding="utf-8")
    return root


def _check_name(name: str, *, group: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise ConfigError(f"name is {name!r}; expected lower-case letters, digits and single _, as in my_encoder")
    taken_for = next((value for value in _readings(name) if value != name), name)
    if taken_for != name:  # as 1e3, null or on
        raise ConfigError(f"name is {name!r}, which configs read as the value {taken_for!r}; choose another, as my_{name}")
    if name in options_of(group):
        raise ConfigError(f"name is {name!r}, but {group}={name} exists already; choose another")
    taken = module_path(f"seqlab_{name}")
    if taken is not None:
        raise ConfigError(f"name is {name!r}, but there is a package seqlab_{name} already ({taken}); choose another")


def _readings(name: str) -> Iterator[object]:
    """Yield the value of `name` as a config file reads it, and as an override reads it."""
    yield OmegaConf.create(f"option: {name}").option
    yield OverridesParser.create().parse_override(f"option={name}").value()


def _words(name: str, *, kind: str) -> dict[str, str]:
    """Return the text of each placeholder of the template."""
    stem = "".join(part.capitalize() for part in name.split("_"))
    major, minor = __version__.split(".")[:2]
    return {
        "name": name,
        "package": f"seqlab_{name}",
        "distribution": f"seqlab-{name.replace('_', '-')}",
        "class_name": stem.removesuffix(kind.capitalize()) + kind.capitalize(),
        "kind": kind,
        "group": KINDS[kind].group,
        "choice": KINDS[kind].choice.format(name),
        "seqlab_bounds": f">={major}.{minor},<{f'0.{int(minor) + 1}' if major == '0' else int(major) + 1}",
    }


def _files(name: str, *, kind: str, package: str) -> dict[str, str]:
    """Return the files of the template, each with its path in the distribution."""
    return {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{kind}/class.py": f"{package}/__init__.py",
        f"{kind}/option.yaml": f"{package}/conf/{KINDS[kind].group}/{name}.yaml",
        f"{kind}/test.py": f"tests/test_{name}.py",
    }
