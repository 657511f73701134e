"""`seqlab plugins new`: a distribution from a template, with a class, its option, its contract test and a README."""

import keyword
import re
from pathlib import Path
from string import Template

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from seqlab import __version__
from seqlab.config.compose import options_of
from seqlab.config.imports import module_path
from seqlab.errors import ConfigError

TEMPLATE = Path(__file__).resolve().parent / "template"
SUFFIX = ".template"


KINDS = {
    "encoder": ("encoder", "encoder={}"),
    "head": ("head", "head=[{}]"),
    "embedding": ("embedding", "embedding=[words,{}]"),
    "reader": ("data", "data={} data.dir=path/to/folder"),
    "field": ("embedding", "embedding=[words,{}]"),
}
"""Kinds of parts: the config group of the option, and the override that chooses it."""


def start_plugin(name: str, *, kind: str, folder: Path) -> Path:
    """Write a distribution `seqlab-NAME` into `folder`, and return its path.

    Raises: ConfigError for an invalid or taken name, an unknown kind, and a folder that exists already.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    group, choice = KINDS[kind]
    _check_name(name, group=group)
    words = {**_words(name, kind=kind), "kind": kind, "group": group, "choice": choice.format(name)}
    root = folder / words["distribution"]
    if root.exists():
        raise ConfigError(f"{root} exists already; choose another name, or another folder with --dir")
    files = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{kind}/class.py": f"{words['package']}/__init__.py",
        f"{kind}/option.yaml": f"{words['package']}/conf/{group}/{name}.yaml",
        f"{kind}/test.py": f"tests/test_{name}.py",
    }
    for source, target in files.items():
        path = root / target
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (TEMPLATE / f"{source}{SUFFIX}").read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(words), encoding="utf-8")
    return root


def _check_name(name: str, *, group: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise ConfigError(f"name is {name!r}; expected lower-case letters, digits and single _, as in my_encoder")
    # A name such as 1e3, null or on is another value, in a config file or as an override.
    readings = [OmegaConf.create(f"option: {name}").option, OverridesParser.create().parse_override(f"option={name}").value()]
    taken_for = next((value for value in readings if value != name), name)
    if taken_for != name:
        raise ConfigError(f"name is {name!r}, which configs read as the value {taken_for!r}; choose another, as my_{name}")
    if name in options_of(group):
        raise ConfigError(f"name is {name!r}, but {group}={name} exists already; choose another")
    taken = module_path(f"seqlab_{name}")
    if taken is not None:
        raise ConfigError(f"name is {name!r}, but there is a package seqlab_{name} already ({taken}); choose another")


def _words(name: str, *, kind: str) -> dict[str, str]:
    """Return the text of each placeholder of the template."""
    stem = "".join(part.capitalize() for part in name.split("_"))
    # Before 1.0, minor versions may break plugins.
    major, minor = __version__.split(".")[:2]
    return {
        "name": name,
        "package": f"seqlab_{name}",
        "distribution": f"seqlab-{name.replace('_', '-')}",
        "class_name": stem.removesuffix(kind.capitalize()) + kind.capitalize(),
        "seqlab_bounds": f">={major}.{minor},<{f'0.{int(minor) + 1}' if major == '0' else int(major) + 1}",
    }
