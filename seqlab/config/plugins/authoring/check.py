"""`seqlab plugins doctor`: checks of providers. Unlike discovery, it imports them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution
from typing import Any

from seqlab.config.imports import failure_of_import
from seqlab.config.plugins import Installed, LeftOut, Plugin, discover
from seqlab.config.plugins.authoring.check_options import Finding, option_faults
from seqlab.config.plugins.distributions import installed, is_core, requirements_of, unmet
from seqlab.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Report:
    """The findings about one provider."""

    subject: Installed
    findings: tuple[Finding, ...]

    @property
    def is_broken(self) -> bool:
        """Whether there is an error."""
        return any(finding.is_error for finding in self.findings)

    @property
    def who(self) -> str:
        """Name, distribution and version."""
        return f"{self.subject.name} ({self.subject.distribution} {self.subject.version})"

    def lines(self) -> list[str]:
        """Return a line for each finding: provider, severity, message."""
        return [f"{self.who}: {found.severity}: {found.message}" for found in self.findings]

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        findings = [{"severity": found.severity, "message": found.message} for found in self.findings]
        return {"name": self.subject.name, "version": self.subject.version, "broken": self.is_broken, "findings": findings}


def examine(names: Sequence[str] = ()) -> list[Report]:
    """Return a report on each provider in `names`; without names, on each plugin that `SEQLAB_WITHOUT` does not exclude.

    Raises: ConfigError for an unknown name.
    """
    found = discover()
    subjects = [*found.providers, *found.left_out]
    known = [subject.name for subject in subjects]
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no plugin {name!r}{did_you_mean(name, known)}; installed: {', '.join(known)}")
    unnamed = [*found.plugins, *(one for one in found.left_out if not one.is_wanted)]
    chosen = [subject for subject in subjects if subject.name in names] if names else unnamed
    return [Report(subject, tuple(_findings(subject))) for subject in sorted(chosen, key=lambda subject: subject.name)]


def _findings(subject: Installed) -> Iterator[Finding]:
    if isinstance(subject, LeftOut):
        yield Finding(f"left out: {subject.reason}", is_error=not subject.is_wanted)
    if isinstance(subject, Plugin):
        yield from _of_plugin(subject)


def _of_plugin(plugin: Plugin) -> Iterator[Finding]:
    yield from _of_name(plugin)
    dist = installed(plugin.distribution)
    if dist is not None:
        yield from _of_requirements(dist)
    if plugin.installed_at is not None:
        shadowed = f"package {plugin.package} is that in {plugin.folder}, not the one installed in {plugin.installed_at}"
        yield Finding(f"{shadowed}: something on the path shadows it", is_error=False)
    failure = failure_of_import(plugin.package)
    if failure is not None:
        yield Finding(f"importing {plugin.package} fails: {failure}")
        return
    if not plugin.options():
        yield Finding(f"it adds no option: {plugin.conf_dir} has no <group>/<option>.yaml", is_error=False)
    yield from option_faults(plugin)


def _of_name(plugin: Plugin) -> Iterator[Finding]:
    found = discover()
    namesakes = [other for other in (*found.providers, *found.left_out) if other.name == plugin.name]
    others = sorted({other.distribution for other in namesakes} - {plugin.distribution})
    if others:
        name = plugin.distribution
        yield Finding(f"{', '.join(others)} has a plugin named {plugin.name}, too; SEQLAB_WITHOUT={name} leaves this one out")


def _of_requirements(dist: Distribution) -> Iterator[Finding]:
    requirements = requirements_of(dist)
    if dist.name != "seqlab" and not any(map(is_core, requirements)):
        yield Finding("it does not say which seqlab it needs; add seqlab to its dependencies", is_error=False)
    for requirement in requirements:
        instead = unmet(requirement)
        if instead is not None:
            yield Finding(f"it needs {requirement}, which is {instead}; pip install '{requirement}'")
