"""The rooms of the package and what each may know: imports go downward only, and some things are nowhere."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "seqlab"
PLUGINS = PACKAGE.parent / "plugins"

ROOMS = (
    "errors",
    "types",
    "functional",
    "steps",
    "config",
    "data",
    "metrics",
    "embeddings",
    "encoders",
    "heads",
    "model",
    "runs",
    "training",
    "inference",
    "report",
    "testing",
    "cli",
)
"""The rooms from the ground up: each may import itself and the rooms before it."""
ROOT = ""  # seqlab/__init__.py: hands the public names on
OUTSIDE = (ROOT, "__main__")  # these two import from any room
ROOT_NAMES = {"seqlab.__version__"}  # what a room may take from there

HYDRA_ENTRIES = {"hydra.compose", "hydra.utils.instantiate", "hydra.utils.call", "hydra._internal.instantiate"}
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "torch.load", "torch.save"}
PACKED = {f"torch.nn.utils.rnn.{name}" for name in ("pack_padded_sequence", "pack_sequence", "PackedSequence")}


class Use(NamedTuple):
    """A dotted name that a file imports or reaches, with the line."""

    line: int
    name: str


def imports(tree: ast.AST) -> Iterator[Use]:
    """Yield what is imported anywhere in `tree`, in functions and by name too; relative imports come out as a lone dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Use(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." if node.level else node.module
            yield from (Use(node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("import_module", "__import__"):
            yield from (Use(node.lineno, arg.value) for arg in node.args if _is_string(arg))


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def uses(tree: ast.AST) -> Iterator[Use]:
    """Yield the imports of `tree` and its dotted names, as they stand there (`torch.load`, `self.save`)."""
    yield from imports(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield Use(node.lineno, ast.unparse(node))


def room_of(path: Path) -> str:
    """Return the room that a file of the package belongs to: its first folder, or its own name."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return ROOT if first == "__init__" else first


def upward(room: str, names: Iterable[Use]) -> Iterator[Use]:
    """Yield the imports that a file of `room` must not have."""
    allowed = {room, *ROOMS[: ROOMS.index(room)]}
    for use in names:
        top, _, rest = use.name.partition(".")
        if top == "seqlab" and use.name not in ROOT_NAMES and rest.split(".")[0] not in allowed:
            yield use


def below(names: Iterable[Use], banned: Iterable[str]) -> Iterator[Use]:
    """Yield the names that are, or lie inside, something banned."""
    prefixes = tuple(banned)
    return (use for use in names if any(use.name == name or use.name.startswith(f"{name}.") for name in prefixes))


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def told(path: Path, found: Iterable[Use]) -> list[str]:
    """Return each use as `path:line name`, to fail with."""
    return [f"{path.relative_to(PACKAGE.parent)}:{use.line} {use.name}" for use in found]


def told_paths(paths: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(PACKAGE.parent)) for path in paths]


def package_files(*, without: Iterable[str] = ()) -> list[Path]:
    files = [path for path in python_files(PACKAGE) if room_of(path) not in without]
    assert files, f"no Python file below {PACKAGE}"
    return files


PLUGIN_FILES = [path for path in python_files(PLUGINS) if "tests" not in path.parts]


def test_every_file_is_in_a_known_room() -> None:
    homeless = [path for path in package_files(without=OUTSIDE) if room_of(path) not in ROOMS]
    assert not homeless, f"files in no known room: {told_paths(homeless)}; give the room its place in ROOMS"


def test_rooms_import_downward_only() -> None:
    offences = [
        line for path in package_files(without=OUTSIDE) for line in told(path, upward(room_of(path), imports(parsed(path))))
    ]
    assert not offences, f"imports of rooms that come later: {offences}"


@pytest.mark.parametrize(
    ("room", "source", "n_offences"),
    [
        ("functional", "from seqlab.errors import DataError", 0),
        ("functional", "from seqlab import errors, __version__", 0),
        ("functional", "from seqlab.functional.linear_chain.chain import Chain", 0),
        ("functional", "from seqlab.data.columns import Columns", 1),
        ("functional", "import seqlab.heads", 1),
        ("functional", "import_module('seqlab.heads')", 1),
        ("steps", "importlib.import_module('seqlab.functional.padding')", 0),
        ("functional", "def f():\n    from seqlab import heads, errors, model", 2),
        ("errors", "from seqlab.nowhere import x", 1),
        ("errors", "from seqlab import train", 1),
        ("encoders", "from seqlab.heads import Head", 1),
        ("cli", "from seqlab.training.train import train\nfrom torch import nn", 0),
    ],
)
def test_upward_finds_what_climbs(room: str, source: str, n_offences: int) -> None:
    assert len(list(upward(room, imports(ast.parse(source))))) == n_offences


def test_hydra_composes_and_instantiates_in_config_only() -> None:
    offences = [
        line for path in package_files(without=["config"]) for line in told(path, below(uses(parsed(path)), HYDRA_ENTRIES))
    ]
    assert not offences, f"only seqlab/config/compose.py composes and instantiates: {offences}"
    for name in ("build", "compose"):
        assert list(below(uses(parsed(PACKAGE / "config" / f"{name}.py")), HYDRA_ENTRIES)), f"config/{name}.py calls no Hydra"


def test_plugins_do_without_hydra() -> None:
    # A sweeper is a class that Hydra itself looks for, and search spaces are read in Hydra's syntax.
    exempt = PLUGINS / "seqlab-sweep"
    files = [path for path in PLUGIN_FILES if not path.is_relative_to(exempt)]
    offences = [line for path in files for line in told(path, below(imports(parsed(path)), {"hydra"}))]
    assert not offences, f"a plugin is a class and a config file, no Hydra code: {offences}"


def test_plugins_leave_composing_and_building_to_the_core() -> None:
    offences = [line for path in PLUGIN_FILES for line in told(path, below(uses(parsed(path)), HYDRA_ENTRIES))]
    assert not offences, f"seqlab.config.compose composes and builds for plugins, too: {offences}"


@pytest.mark.parametrize(
    ("banned", "reason"),
    [
        ({"__future__.annotations"}, "shapes are checked at run time, so annotations must be values"),
        ({"lightning"}, "import pytorch_lightning: the two packages' classes do not mix"),
        ({"."}, "imports are absolute"),
        (PICKLES, "nothing the package writes or reads is a pickle"),
        (PACKED, "packed sequences lose the fast kernels and block export: pad, mask, reverse by length"),
        ({"self.save_hyperparameters"}, "modules in a checkpoint break loading with weights_only=True"),
    ],
    ids=lambda value: next(iter(sorted(value))) if isinstance(value, set) else "",
)
def test_banned_names_are_nowhere(banned: set[str], reason: str) -> None:
    # Lightning's checkpoints are torch files; training/checkpoints.py reads them with weights_only, which runs nothing.
    exempt = {PACKAGE / "training" / "checkpoints.py"} if banned is PICKLES else set()
    files = [path for path in (*package_files(), *PLUGIN_FILES) if path not in exempt]
    offences = [line for path in files for line in told(path, below(uses(parsed(path)), banned))]
    assert not offences, f"{reason}: {offences}"


def test_checkpoints_are_read_as_data() -> None:
    calls = [node for node in ast.walk(parsed(PACKAGE / "training" / "checkpoints.py")) if isinstance(node, ast.Call)]
    loads = [call for call in calls if ast.unparse(call.func) == "torch.load"]
    assert loads
    assert all("weights_only=True" in ast.unparse(call) for call in loads)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "def f():\n    import dill.session",
        "import torch\ntorch.load(path)",
    ],
)
def test_below_finds_what_is_banned(source: str) -> None:
    assert list(below(uses(ast.parse(source)), PICKLES))


def test_functional_holds_no_modules_but_the_layers_of_dropout() -> None:
    files = [path for path in package_files() if room_of(path) == "functional" and path.name != "dropout.py"]
    offences = [
        line
        for path in files
        for line in told(path, (use for use in uses(parsed(path)) if use.name in {"torch.nn", "torch.nn.Module"}))
    ]
    assert files
    assert not offences, f"functional/ holds pure functions; use torch.nn.functional: {offences}"


def test_no_file_is_named_for_nothing() -> None:
    nameless = [path for path in package_files() if path.stem in {"utils", "helpers", "common", "misc"}]
    assert not nameless, f"name the concept instead: {told_paths(nameless)}"
