"""The bounds of the dependencies, and the versions that they are tested at."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture(scope="module")
def requirements(repository: Path) -> dict[str, Requirement]:
    """Every requirement of seqlab and its extras, by name."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)}


@pytest.fixture(scope="module")
def pins(repository: Path) -> list[str]:
    return (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_pins_are_plain_names_and_versions(pins) -> None:
    odd = [line for line in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line)]
    assert pins
    assert odd == []


def test_pins_lie_within_the_bounds(pins, requirements) -> None:
    versions = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in pins)}
    outside = [
        f"{name}=={version}"
        for name, version in versions.items()
        if name in requirements and version not in requirements[name].specifier
    ]
    assert {"torch", "pytorch-lightning", "hydra-core", "datasets"} <= set(versions)
    assert outside == []


@pytest.mark.parametrize("version", ["2.6.2", "2.6.3"])
def test_malicious_lightning_is_out_of_bounds(requirements, version: str) -> None:
    assert version not in requirements["pytorch-lightning"].specifier
