"""What is in the sdist and in the wheel."""

import tarfile
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow


def files_below(folder: Path, *, prefix: str) -> set[str]:
    return {f"{prefix}/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*") if path.is_file()}


def wheel_files(wheel: Path) -> set[str]:
    return {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_wheel_is_the_package_with_conf_inside(distributions) -> None:
    tree = distributions.tree
    expected = files_below(tree / "seqlab", prefix="seqlab") | files_below(tree / "conf", prefix="seqlab/conf")
    assert {"seqlab/py.typed", "seqlab/conf/train.yaml"} <= expected
    assert wheel_files(distributions.wheel_of_tree) == expected


def test_wheel_of_the_sdist_is_that_of_the_tree(distributions) -> None:
    wheels = [ZipFile(wheel) for wheel in (distributions.wheel_of_sdist, distributions.wheel_of_tree)]
    of_sdist, of_tree = ({name: wheel.read(name) for name in wheel.namelist()} for wheel in wheels)
    assert of_sdist == of_tree


def test_sdist_has_what_builds_and_tests_it(distributions) -> None:
    top = distributions.sdist.name.removesuffix(".tar.gz")
    with tarfile.open(distributions.sdist) as archive:
        files = {member.name.removeprefix(f"{top}/") for member in archive if member.isfile()}
    tree = distributions.tree
    folders = {name: files_below(tree / name, prefix=name) for name in ("seqlab", "conf", "tests")}
    single = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt"}
    assert files - {"PKG-INFO", ".gitignore"} == single.union(*folders.values())


def test_wheel_says_what_it_is(distributions) -> None:
    with ZipFile(distributions.wheel_of_tree) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = message_from_bytes(archive.read(f"{folder}/METADATA"))
        entry_points = archive.read(f"{folder}/entry_points.txt").decode()
        licence = archive.read(f"{folder}/licenses/LICENSE").decode()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in licence
    assert "seqlab = seqlab.cli:main" in entry_points
    assert {"onnx", "serve", "hub", "plots", "dev"} <= set(metadata.get_all("Provides-Extra"))
