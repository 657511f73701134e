"""The plugin API: the modules of seqlab that plugins may import. Everything else may change without notice."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from seqlab.config.plugins.authoring.new import TEMPLATE

PACKAGES = ("seqlab.config", "seqlab.functional", "seqlab.testing")
"""Packages whose modules may all be imported."""

PARTS = (
    "seqlab.types",
    "seqlab.errors",
    "seqlab.steps",
    "seqlab.data.records",
    "seqlab.data.columns",
    "seqlab.data.batch",
    "seqlab.data.batching",  # batches of similar lengths, for parts that run a model of their own
    "seqlab.data.pretrained.subwords",  # subwords of words, by a tokenizer stored as data
    "seqlab.data.vocabulary",  # N_RESERVED: the ids that stand for padding and unknown words
    "seqlab.data.fields",
    "seqlab.data.fields.categories",  # EncodedIds, for fields that encode ids as CategoryField does
    "seqlab.data.readers",
    "seqlab.data.readers.source",  # Source and Report, which every Reader.parse takes
    "seqlab.embeddings",
    "seqlab.encoders",
    "seqlab.encoders.cells",
    "seqlab.encoders.cells.base",  # the joint projection and the dropout noise that all cells share
    "seqlab.heads",
    "seqlab.heads.distributions",
    "seqlab.heads.parts.answers",  # what Head.shown returns
    "seqlab.heads.parts.counts",  # what Head.counted returns
    "seqlab.metrics",
    "seqlab.inference",  # Tagger, for parts that a trained model teaches
    "seqlab.inference.given",  # reading what its predict takes
    "seqlab.inference.tagger",  # its default batch size
)
"""Modules for parts of a model: readers, fields, embeddings, encoders, heads."""

COMMANDS = (
    "seqlab.cli.inputs",  # the options and formats of input files that all commands share
    "seqlab.cli.train",  # a command that trains does what `seqlab train` does
    "seqlab.data.atomic_write",
    "seqlab.metrics.flat_scores",
    "seqlab.model.labeler",
    "seqlab.training.checkpoints",
    "seqlab.training.datamodule",
    "seqlab.training.module",
    "seqlab.training.setup",
)
"""Modules for commands, sweeps and callbacks."""

REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = ("recnn", "scan", "sweep", "transformers")


def is_public(module: str) -> bool:
    """Return whether plugins may import `module`."""
    return module in (*PARTS, *COMMANDS, *PACKAGES) or module.startswith(tuple(f"{package}." for package in PACKAGES))


def imports(source: str) -> Iterator[tuple[str, str]]:
    """Yield what is imported from seqlab: the module, and the name, which may be a module itself; "" for a whole module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "seqlab")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "seqlab":
            yield from ((node.module, alias.name) for alias in node.names)


def private(source: str) -> list[str]:
    return [
        f"{module} {name}" for module, name in imports(source) if not is_public(module) and not is_public(f"{module}.{name}")
    ]


def sources(name: str) -> list[Path]:
    files = sorted((REPOSITORY / "plugins" / f"seqlab-{name}").glob(f"seqlab_{name}/**/*.py"))
    assert files
    return files


@pytest.mark.parametrize("name", NAMES)
def test_plugins_import_public_modules_only(name: str) -> None:
    found = {path.name: private(path.read_text(encoding="utf-8")) for path in sources(name)}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize("path", sorted(TEMPLATE.rglob("*.py.template")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_templates_import_public_modules_only(path: Path) -> None:
    text = re.sub(r"\$\{?(\w+)\}?", r"\1", path.read_text(encoding="utf-8"))
    assert "seqlab" in text
    assert private(text) == []


@pytest.mark.parametrize(
    "source", ["from seqlab.runs.writer import RunFolder", "import seqlab.report", "from seqlab.data import folds"]
)
def test_other_modules_are_private(source: str) -> None:
    assert len(private(source)) == 1


@pytest.mark.parametrize("module", [*PACKAGES, *PARTS, *COMMANDS])
def test_public_modules_exist(module: str) -> None:
    assert find_spec(module) is not None


def test_exceptions_are_in_use() -> None:
    """Modules for commands are public because a plugin needs them, and for no other reason."""
    used = {name for plugin in NAMES for path in sources(plugin) for name in imports(path.read_text(encoding="utf-8"))}
    modules = {module for module, _ in used} | {f"{module}.{name}" for module, name in used}
    assert set(COMMANDS) <= modules
