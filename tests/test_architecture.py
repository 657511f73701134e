"""The layout of the package: rooms import downward only, and some names are banned everywhere.

`python tests/test_architecture.py` prints which rooms each room imports.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
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
ROOT = ""  # seqlab/__init__.py, which re-exports the public names
OUTSIDE = (ROOT, "__main__")  # may import any room
ROOT_NAMES = {"seqlab.__version__"}  # rooms may import these from seqlab itself
MAX_PAIRS = 95
"""At most so many pairs of rooms may have an import between them; all possible downward pairs would be 136."""

HYDRA_ENTRIES = {"hydra.compose", "hydra.utils.instantiate", "hydra.utils.call", "hydra._internal.instantiate"}
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "torch.load", "torch.save"}
PACKED = {f"torch.nn.utils.rnn.{name}" for name in ("pack_padded_sequence", "pack_sequence", "PackedSequence")}


class Use(NamedTuple):
    """A dotted name that a file imports or refers to, with its line."""

    line: int
    name: str


def imports(tree: ast.AST) -> Iterator[Use]:
    """Yield every import of `tree`, including those inside functions and by `import_module`.

    A relative import yields a name that starts with two dots.
    """
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
    """Yield the imports of `tree` and its dotted names as written (`torch.load`, `self.save`)."""
    yield from imports(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield Use(node.lineno, ast.unparse(node))


def room_of(path: Path) -> str:
    """Return the room of a file of the package: its top-level folder, or its own name."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return ROOT if first == "__init__" else first


def upward(room: str, names: Iterable[Use]) -> Iterator[Use]:
    """Yield the imports of later rooms, and of names in no room."""
    allowed = {room, *ROOMS[: ROOMS.index(room)]}
    for use in names:
        top, _, rest = use.name.partition(".")
        if top == "seqlab" and use.name not in ROOT_NAMES and rest.split(".")[0] not in allowed:
            yield use


def rooms_imported(room: str, names: Iterable[Use]) -> set[str]:
    """Return the other rooms that a file of `room` imports."""
    tops = {use.name.split(".")[1] for use in names if use.name.startswith("seqlab.")}
    return tops & set(ROOMS) - {room}


def pairs_of_rooms() -> set[tuple[str, str]]:
    """Return the pairs (importing room, imported room) with at least one import between them."""
    files = [(room_of(path), path) for path in package_files(without=OUTSIDE)]
    return {(room, other) for room, path in files for other in rooms_imported(room, imports_of(path))}


def matching(names: Iterable[Use], banned: Iterable[str]) -> Iterator[Use]:
    """Yield the uses of a banned name, or of a name inside it (`torch.nn.Module` in `torch.nn`)."""
    prefixes = tuple(banned)
    return (use for use in names if any(use.name == name or use.name.startswith(f"{name}.") for name in prefixes))


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def imports_of(path: Path) -> tuple[Use, ...]:
    return tuple(imports(parsed(path)))


@cache
def uses_of(path: Path) -> tuple[Use, ...]:
    return tuple(uses(parsed(path)))


def format_uses(path: Path, found: Iterable[Use]) -> list[str]:
    """Return each use as `path:line name`, for messages."""
    return [f"{path.relative_to(PACKAGE.parent)}:{use.line} {use.name}" for use in found]


def format_paths(paths: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(PACKAGE.parent)) for path in paths]


def package_files(*, without: Iterable[str] = ()) -> list[Path]:
    files = [path for path in python_files(PACKAGE) if room_of(path) not in without]
    assert files, f"no Python file below {PACKAGE}"
    return files


PLUGIN_FILES = [path for path in python_files(PLUGINS) if "tests" not in path.parts]


def test_every_file_is_in_a_known_room() -> None:
    unknown = [path for path in package_files(without=OUTSIDE) if room_of(path) not in ROOMS]
    assert not unknown, f"files outside the known rooms: {format_paths(unknown)}; move them, or add the room to ROOMS"


def test_rooms_import_downward_only() -> None:
    offences = [
        line for path in package_files(without=OUTSIDE) for line in format_uses(path, upward(room_of(path), imports_of(path)))
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
def test_upward_finds_imports_of_later_rooms(room: str, source: str, n_offences: int) -> None:
    assert len(list(upward(room, imports(ast.parse(source))))) == n_offences


def test_few_pairs_of_rooms_depend_on_each_other() -> None:
    pairs = pairs_of_rooms()
    assert ("embeddings", "steps") in pairs
    assert ("cli", "training") in pairs
    upward_pairs = sorted(pair for pair in pairs if ROOMS.index(pair[0]) < ROOMS.index(pair[1]))
    assert not upward_pairs
    assert len(pairs) <= MAX_PAIRS, f"{len(pairs)} pairs of rooms, at most {MAX_PAIRS}: move the code to the room that knows"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from seqlab.heads.base import Head", {"heads"}),
        ("from seqlab import heads, errors, __version__", {"heads", "errors"}),
        ("import seqlab, torch\nimport seqlab.data.columns", {"data"}),
        ("def f():\n    import_module('seqlab.training.train')", {"training"}),
        ("from seqlab.model.labeler import Labeler", set()),
        ("from torch import heads", set()),
    ],
)
def test_rooms_imported_are_the_other_rooms(source: str, expected: set[str]) -> None:
    assert rooms_imported("model", imports(ast.parse(source))) == expected


def test_hydra_composes_and_instantiates_in_config_only() -> None:
    offences = [
        line for path in package_files(without=["config"]) for line in format_uses(path, matching(uses_of(path), HYDRA_ENTRIES))
    ]
    assert not offences, f"only seqlab/config/ composes and instantiates: {offences}"
    for name in ("build", "compose"):
        assert list(matching(uses_of(PACKAGE / "config" / f"{name}.py"), HYDRA_ENTRIES)), f"config/{name}.py calls no Hydra"


def test_plugins_do_without_hydra() -> None:
    # Hydra itself looks for a sweeper class, and search spaces use its syntax.
    exempt = PLUGINS / "seqlab-sweep"
    files = [path for path in PLUGIN_FILES if not path.is_relative_to(exempt)]
    offences = [line for path in files for line in format_uses(path, matching(imports_of(path), {"hydra"}))]
    assert not offences, f"a plugin needs a class and a config file, no Hydra code: {offences}"


def test_plugins_compose_and_build_through_seqlab_config() -> None:
    offences = [line for path in PLUGIN_FILES for line in format_uses(path, matching(uses_of(path), HYDRA_ENTRIES))]
    assert not offences, f"plugins compose and build through seqlab.config: {offences}"


@pytest.mark.parametrize(
    ("banned", "reason"),
    [
        ({"__future__.annotations"}, "annotations must be values, because the tests check shapes at run time"),
        ({"lightning"}, "import pytorch_lightning instead: the classes of the two packages do not mix"),
        ({"."}, "use absolute imports"),
        (PICKLES, "the package neither writes nor reads pickles"),
        (PACKED, "packed sequences rule out the fast kernels and export: pad, mask and reverse by length"),
        ({"self.save_hyperparameters"}, "hyperparameters that hold modules break loading with weights_only=True"),
    ],
    ids=lambda value: next(iter(sorted(value))) if isinstance(value, set) else "",
)
def test_banned_names_are_not_used(banned: set[str], reason: str) -> None:
    # Lightning's checkpoints are torch files, read with weights_only=True, which runs no code. Packed sequences may come in
    # where users call, and are padded there.
    exempt = {tuple(PICKLES): "training/checkpoints/files.py", tuple(PACKED): "encoders/torch_modules.py"}.get(tuple(banned))
    files = [path for path in (*package_files(), *PLUGIN_FILES) if exempt is None or path != PACKAGE / exempt]
    offences = [line for path in files for line in format_uses(path, matching(uses_of(path), banned))]
    assert not offences, f"{reason}: {offences}"


def test_checkpoints_are_read_as_data() -> None:
    calls = [node for node in ast.walk(parsed(PACKAGE / "training" / "checkpoints" / "files.py")) if isinstance(node, ast.Call)]
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
def test_matching_finds_banned_names(source: str) -> None:
    assert list(matching(uses(ast.parse(source)), PICKLES))


def test_functional_has_no_modules_except_dropout_and_checked_linear_layers() -> None:
    layers = ("dropout.py", "widths.py")
    files = [path for path in package_files() if room_of(path) == "functional" and path.name not in layers]
    offences = [
        line
        for path in files
        for line in format_uses(path, (use for use in uses_of(path) if use.name in {"torch.nn", "torch.nn.Module"}))
    ]
    assert files
    assert not offences, f"functional/ is for pure functions; use torch.nn.functional: {offences}"


def test_every_file_is_named_after_its_concept() -> None:
    vague = [path for path in package_files() if path.stem in {"utils", "helpers", "common", "misc"}]
    assert not vague, f"name the concept instead: {format_paths(vague)}"


def print_pairs() -> None:
    pairs = pairs_of_rooms()
    for room in ROOMS:
        print(f"{room:<12}", *(other for other in ROOMS if (room, other) in pairs))  # noqa: T201 (runs as a script)
    n_upward = sum(ROOMS.index(room) < ROOMS.index(other) for room, other in pairs)
    print(f"\n{len(pairs)} pairs of rooms (at most {MAX_PAIRS}), {n_upward} upward")  # noqa: T201


if __name__ == "__main__":
    print_pairs()
