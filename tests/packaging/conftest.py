"""The distributions, built once, and seqlab installed in each way: from the wheel, and editable."""

import os
import shutil
import site
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

BUILT_FROM = ("seqlab", "conf", "tests", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt")


@dataclass(frozen=True)
class Distributions:
    """What `python -m build` makes of a tree."""

    tree: Path
    sdist: Path
    wheel_of_sdist: Path
    wheel_of_tree: Path


@dataclass(frozen=True)
class Installation:
    """A copy of seqlab in an environment of its own, used from a folder far from any checkout."""

    commands: Path
    folder: Path
    package: Path
    config_dir: Path

    def install(self, distribution: Path) -> None:
        """Install a plugin from its folder, nothing but that."""
        pip = (sys.executable, "-m", "pip", "--python", self.commands / "python")
        _run(*pip, "install", "--no-deps", "--no-index", "--no-build-isolation", distribution, cwd=self.folder)

    def run(self, command: str, *arguments: str) -> str:
        """Run one of the environment's commands, and return what it prints."""
        return _run(self.commands / command, *arguments, cwd=self.folder)


@pytest.fixture(scope="session")
def distributions(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    tree, dist = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    _copy(repository, tree)
    build = (sys.executable, "-m", "build", "--no-isolation", tree, "--outdir")
    _run(*build, dist / "from-sdist", cwd=dist)
    _run(*build, dist / "from-tree", "--wheel", cwd=dist)
    return Distributions(
        tree=tree,
        sdist=_only(dist / "from-sdist", "*.tar.gz"),
        wheel_of_sdist=_only(dist / "from-sdist", "*.whl"),
        wheel_of_tree=_only(dist / "from-tree", "*.whl"),
    )


@pytest.fixture(scope="session", params=["wheel", "editable"])
def installation(
    request: pytest.FixtureRequest, distributions: Distributions, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    environment = tmp_path_factory.mktemp("environment")
    packages = _environment_with_dependencies(environment)
    editable = request.param == "editable"
    target = ("--no-build-isolation", "--editable", distributions.tree) if editable else (distributions.wheel_of_sdist,)
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python")
    _run(*pip, "install", "--no-deps", "--no-index", *target, cwd=environment)
    package = (distributions.tree if editable else packages) / "seqlab"
    return Installation(
        commands=environment / "bin",
        folder=tmp_path_factory.mktemp("elsewhere"),
        package=package,
        config_dir=distributions.tree / "conf" if editable else package / "conf",
    )


def _environment_with_dependencies(folder: Path) -> Path:
    """Make an environment that sees the running one's packages after its own, but no checkout; return the folder of its own."""
    _run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # Beside the running environment's own folder there may be others that it builds on.
    seen = dict.fromkeys([*site.getsitepackages(), *(path for path in sys.path if Path(path).name == "site-packages")])
    (packages / "dependencies.pth").write_text("\n".join(seen))
    return packages


def _copy(repository: Path, tree: Path) -> None:
    for name in BUILT_FROM:
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree)


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def _run(*command: str | Path, cwd: Path) -> str:
    """Return what `command` prints; fail with all of it when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert result.returncode == 0, f"{command} gave {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout
