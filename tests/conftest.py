"""What every test runs under: checked shapes, one thread, a fixed seed, no network, no cache outside the run."""

import ast
import atexit
import functools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any, get_args, get_type_hints

if "SEQLAB_TESTS_CACHE" not in os.environ:  # else a worker of several: they share what is compiled
    _CACHE = tempfile.TemporaryDirectory(prefix="seqlab-tests-")
    atexit.register(_CACHE.cleanup)
    os.environ["SEQLAB_TESTS_CACHE"] = _CACHE.name
# Libraries read these once, on import, so they come before every import below.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ |= dict.fromkeys(("HF_HOME", "XDG_CACHE_HOME"), os.environ["SEQLAB_TESTS_CACHE"])
os.environ |= dict.fromkeys(("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"), "1")

import jaxtyping
import pytest
import torch
from beartype import BeartypeConf, beartype
from beartype.claw import beartype_package
from beartype.claw._ast.clawastmain import BeartypeNodeTransformer
from jaxtyping import install_import_hook
from jaxtyping._import_hook import JaxtypingTransformer

REPOSITORY = Path(__file__).resolve().parent.parent
AS_PEP_484 = BeartypeConf(is_pep484_tower=True, claw_is_pep526=False)  # a float may be given as an int
CHECKED_CALLS = 10
"""Calls of each function with shapes that are checked in each test: a training makes hundreds, which are alike."""


def _check_types() -> None:
    """Let each function of seqlab check the types of its arguments, and their shapes in modules that state shapes.

    Without jaxtyping, a check takes a twentieth of the time, but fails for classes that are imported for type checkers alone.
    """
    files = {file: file.read_text(encoding="utf-8") for file in (REPOSITORY / "seqlab").rglob("*.py")}
    shaped = [file for file, text in files.items() if "import jaxtyping" in text or "from jaxtyping" in text]
    shaped += [file for file, text in files.items() if "if TYPE_CHECKING" in text and file.parent != REPOSITORY / "seqlab"]
    _leave_inner_functions()
    jaxtyping.jaxtyped = jaxtyping._decorator.jaxtyped = _first_calls(jaxtyping.jaxtyped)
    names = [".".join(file.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__") for file in shaped]
    install_import_hook(names, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
    beartype_package("seqlab", conf=AS_PEP_484)


class _Tests:
    """Counts the tests that this process has begun."""

    begun = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        type(self).begun += 1


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Tests())  # a hook of this file alone would not be called for the tests of plugins


def _first_calls(jaxtyped: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `jaxtyped` that checks the first calls in each test, and compiles the check when it is first needed.

    Functions without shapes need beartype alone, which is faster.
    """

    def decorate(target: Any = None, *, typechecker: Any) -> Any:
        if target is None:
            return functools.partial(decorate, typechecker=typechecker)
        if not isinstance(target, FunctionType):  # jaxtyping decorates the functions of classes, properties and so on
            return jaxtyped(target, typechecker=typechecker)
        checked: Callable[..., Any] | None = None
        test, n_calls = 0, 0

        @functools.wraps(target)
        def checking(*args: Any, **kwargs: Any) -> Any:
            nonlocal checked, test, n_calls
            if test != _Tests.begun:
                test, n_calls = _Tests.begun, 0
            n_calls += 1
            if n_calls > CHECKED_CALLS or torch.compiler.is_compiling():
                return target(*args, **kwargs)
            if checked is None:
                has_shapes = _has_shapes(target)
                checked = jaxtyped(target, typechecker=typechecker) if has_shapes else beartype(target, conf=AS_PEP_484)
            return checked(*args, **kwargs)

        return checking

    return decorate


def _has_shapes(function: Callable[..., Any]) -> bool:
    """Return whether types of a function state shapes, or cannot be resolved, which jaxtyping copes with."""

    def states_shape(hint: Any) -> bool:
        is_array = isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray)
        return is_array or any(states_shape(part) for part in get_args(hint) if not isinstance(part, list))

    try:
        return any(states_shape(hint) for hint in get_type_hints(function, include_extras=True).values())
    except Exception:  # noqa: BLE001 - as jaxtyping does
        return True


def _leave_inner_functions() -> None:
    """Check no function within a function: its checks would be compiled again, in 2 to 4 ms, at each call of the outer one."""
    of_shapes, of_types = JaxtypingTransformer.visit_FunctionDef, BeartypeNodeTransformer.visit_FunctionDef

    def visit_for_shapes(self: JaxtypingTransformer, node: ast.FunctionDef) -> ast.AST:
        return node if isinstance(self._parents[-1], ast.FunctionDef) else of_shapes(self, node)

    def visit_for_types(self: BeartypeNodeTransformer, node: ast.FunctionDef) -> ast.AST | None:
        return of_types(self, node) if self._scopes.is_scope_module or self._scopes.is_scope_class else node

    JaxtypingTransformer.visit_FunctionDef, BeartypeNodeTransformer.visit_FunctionDef = visit_for_shapes, visit_for_types


if "SEQLAB_TESTS_UNCHECKED" not in os.environ:  # set by tests that capture programs, in which no check can be
    _check_types()  # before the first import of seqlab

import pickle
import sys
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec

import hypothesis
from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import IConfigRepository
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.defaults_list import DefaultsList
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.types import Override
from hydra.errors import MissingConfigException
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig

from seqlab.config.build import known_targets
from seqlab.config.compose import compose
from seqlab.config.mistakes import explain
from seqlab.config.plugins import LeftOut, Plugin, discover
from seqlab.config.plugins.discovery import _warn

# Examples are the same in every run (a failure repeats), and no test depends on how fast the machine is.
hypothesis.settings.register_profile("seqlab", deadline=None, derandomize=True, database=None, max_examples=50)
hypothesis.settings.load_profile("seqlab")


def _keep_the_standard_library() -> None:
    """Leave distributions to importlib.metadata where a tracker loads its backport: that puts its own classes in their place,
    which are used alike, but are no instances of what our functions are checked to take.
    """
    kept = PathFinder.__dict__["find_distributions"]
    backport = import_module("importlib_metadata") if find_spec("importlib_metadata") else None
    if backport and "find_distributions" not in PathFinder.__dict__:
        PathFinder.find_distributions = kept
        sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != backport.__name__]


_keep_the_standard_library()


def _compose_once() -> None:
    """Let Hydra read a file once and merge the same options once; values are set anew.

    A merge takes 0.4 s, and tests compose thousands of configs.
    """
    load_anew = FileConfigSource.load_config
    list_anew, merge_anew = config_loader_impl.create_defaults_list, ConfigLoaderImpl._compose_config_from_defaults_list
    # Pickles are read five times as fast as configs are copied.
    loaded: dict[tuple[str, str], bytes] = {}
    listed: dict[object, DefaultsList] = {}
    merged: dict[int, bytes] = {}  # by the identity of a list of defaults, which `listed` keeps

    def list_defaults(
        repo: IConfigRepository, config_name: str, overrides_list: list[Override], prepend_hydra: bool, skip_missing: bool
    ) -> DefaultsList:
        is_choice = [repo.group_exists(word.key_or_group) and not isinstance(word.value(), dict) for word in overrides_list]
        choices = [word for word, chooses in zip(overrides_list, is_choice, strict=True) if chooses]
        values = [word for word, chooses in zip(overrides_list, is_choice, strict=True) if not chooses]
        folders = [Path(source.path) for source in repo.get_sources() if source.scheme() == "file"]
        of_tests = [folder for folder in folders if not folder.is_relative_to(REPOSITORY)]  # their files may change
        files = [(file, file.stat().st_mtime_ns) for folder in of_tests for file in folder.rglob("*.yaml")]
        key = (config_name, skip_missing, *[word.input_line for word in choices], *folders, *files)
        if key not in listed:
            listed[key] = list_anew(repo, config_name, choices, prepend_hydra, skip_missing)
        return replace(listed[key], config_overrides=[word for word in values if not word.is_sweep_override()])

    def merge(self: ConfigLoaderImpl, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        if id(defaults) not in merged:
            merged[id(defaults)] = pickle.dumps(merge_anew(self, defaults, repo))
        return pickle.loads(merged[id(defaults)])  # noqa: S301 (our own bytes)

    def load_config(self: FileConfigSource, config_path: str) -> ConfigResult:
        if not Path(self.path).is_relative_to(REPOSITORY):
            return load_anew(self, config_path)
        if (self.path, config_path) not in loaded:
            loaded[self.path, config_path] = pickle.dumps(load_anew(self, config_path))
        return pickle.loads(loaded[self.path, config_path])  # noqa: S301 (our own bytes)

    FileConfigSource.load_config = load_config
    config_loader_impl.create_defaults_list = list_defaults
    ConfigLoaderImpl._compose_config_from_defaults_list = merge


_compose_once()


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Give each test the same random numbers in whatever order tests run, and leave the caller's as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the checkout (or of the unpacked sdist)."""
    return REPOSITORY


DOUBLED = """
from seqlab.encoders import Encoder

class Doubled(Encoder):
    def __init__(self, *, input_width, factor):
        super().__init__()
        self.output_width = self.summary_width = input_width
        self.factor = factor

    def forward(self, steps):
        return steps.with_values(steps.values * self.factor, summary=steps.values.sum(1))
"""


@dataclass
class Installer:
    """Installs plugins as pip would, into a folder on the path: a package, and what a distribution says of itself."""

    folder: Path
    packages: list[str] = field(default_factory=list)

    def __call__(
        self,
        name: str,
        *,
        options: dict[str, str] | None = None,
        code: str = DOUBLED,
        requires: tuple[str, ...] = ("seqlab>=0.1",),
        package: str | None = None,
        point: str | None = None,
    ) -> Path:
        """Install plugin `name`, and return its package. `options`: group/option -> YAML, by default an encoder `doubled`."""
        package = package or f"seqlab_{name}"
        distribution = f"seqlab-{name}"
        folder = self.folder / package
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text(code, encoding="utf-8")
        yaml = {"encoder/doubled": f"_target_: {package}.Doubled\nfactor: 2.0\n"}
        for option, text in (yaml if options is None else options).items():
            path = folder / "conf" / f"{option}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(package=package), encoding="utf-8")
        info = self.folder / f"seqlab_{name}-1.2.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{needs}"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[seqlab.plugins]\n{point or name} = {package}\n", encoding="utf-8")
        (info / "RECORD").write_text(f"{package}/__init__.py,,\n{info.name}/METADATA,,\n", encoding="utf-8")
        self.packages.append(package)
        self.forget()
        return folder

    def found(self, name: str) -> Plugin:
        """Return the plugin of that name."""
        (found,) = [one for one in discover().plugins if one.name == name]
        return found

    def left_out(self, name: str) -> LeftOut:
        """Return the plugin of that name, which is left out, and why."""
        (found,) = [one for one in discover().left_out if one.name == name]
        return found

    def answer(self, override: str) -> str:
        """Return what a user is told who asks for an option that is not there."""
        with pytest.raises(MissingConfigException) as caught:
            compose([override])
        return str(explain(caught.value, [override]))

    def forget(self) -> None:
        """Let plugins be discovered anew."""
        for cached in (discover, known_targets, _warn):
            cached.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installer]:
    """Return what installs plugins for the time of a test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    installer = Installer(folder)
    yield installer
    monkeypatch.undo()
    for module in [name for name in sys.modules if name.split(".")[0] in installer.packages]:
        del sys.modules[module]
    installer.forget()
