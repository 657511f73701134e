"""Metadata of installed distributions: where the package is, and what it requires."""

import json
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from seqlab import __version__

CORE = "seqlab"


def editable_project(dist: Distribution) -> Path | None:
    """Return the project folder of an editable installation; None for any other installation."""
    # PEP 610: pip writes this file for installations from a folder or URL.
    text = dist.read_text("direct_url.json")
    content = json.loads(text) if text else {}
    is_editable = content.get("dir_info", {}).get("editable", False)
    return Path(url2pathname(urlparse(content["url"]).path)) if is_editable else None


def where_installed(dist: Distribution, package: str) -> Path | None:
    """Return the folder in which the distribution keeps `package`; None if its metadata do not say."""
    project = editable_project(dist)
    if project is not None:
        return project
    has_it = any(path.parts[0] == package for path in dist.files or ())
    return Path(str(dist.locate_file(package))) if has_it else None


def installed(name: str) -> Distribution | None:
    """Return the distribution of that name; None if it is not installed."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def requirements_of(dist: Distribution) -> list[Requirement]:
    """Return the requirements that apply here, without extras; malformed lines are skipped."""
    found = []
    for line in dist.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement)
    return found


def is_core(requirement: Requirement) -> bool:
    """Return whether seqlab is required."""
    return canonicalize_name(requirement.name) == CORE


def wrong_version(dist: Distribution | None) -> str | None:
    """Return why a distribution does not work with this version of seqlab; None if it does."""
    for requirement in requirements_of(dist) if dist else ():
        if is_core(requirement) and unmet(requirement):
            return f"it is built for {requirement}, and this is seqlab {__version__}; upgrade one of the two"
    return None


def unmet(requirement: Requirement) -> str | None:
    """Return the installed version, or `not installed`; None if the requirement is met."""
    try:
        found = __version__ if is_core(requirement) else version(requirement.name)
        # Prereleases count, so that a development version of seqlab meets the bounds of its plugins.
        is_met = requirement.specifier.contains(found, prereleases=True)
    except PackageNotFoundError:
        return "not installed"
    # A version that cannot be compared gets the benefit of the doubt.
    except InvalidVersion:
        return None
    return None if is_met else f"version {found}"
