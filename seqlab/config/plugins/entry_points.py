"""Entry points of installed distributions, damaged ones among them: one that cannot be read takes down no other."""

from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions

from packaging.utils import canonicalize_name

from seqlab.config.plugins.plugin import LeftOut


def entry_points_found(group: str) -> Iterator[EntryPoint | LeftOut]:
    """Yield each entry point of `group`; what a damaged distribution would bring is left out, with the reason.

    Of distributions with one name, the first on the path counts. Names are read only where there are points: to parse the
    METADATA of all that is installed takes ten times as long as all the rest.
    """
    seen: set[str] = set()
    for dist in distributions():
        points = list(_points(dist, group=group))
        name = _name(dist) if points else None
        if name is None:
            yield from points
        elif canonicalize_name(name) not in seen:
            seen.add(canonicalize_name(name))
            yield from _points(_first(name, default=dist), group=group)


def _first(name: str, *, default: Distribution) -> Distribution:
    """Return the distribution of that name which is imported: it may come before `default` on the path, and have no points."""
    return next((dist for dist in distributions(name=name) if _name(dist)), default)


def _points(dist: Distribution, *, group: str) -> Iterator[EntryPoint | LeftOut]:
    try:
        points = list(dist.entry_points.select(group=group))
    except (TypeError, ValueError, AttributeError) as error:
        if _may_have(dist, group):
            name = _name(dist)
            reason = f"entry_points.txt of its installation cannot be read ({error}); reinstall it"
            yield LeftOut(name or "?", name or "unknown distribution", "?", "", reason)
        return
    missing = next((key for key in ("Name", "Version") if points and _said(dist, key) is None), None)
    if missing is None:
        yield from points
        return
    reason = f"METADATA of its installation has no {missing.lower()}; reinstall it"
    yield from (LeftOut(one.name, _name(dist) or "unknown distribution", "?", one.value, reason) for one in points)


def _name(dist: Distribution) -> str | None:
    return _said(dist, "Name")


def _said(dist: Distribution, key: str) -> str | None:
    """Return what METADATA says under `key`; None where it does not, which Python's versions tell in several ways."""
    try:
        return dist.metadata[key] or None
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError):
        return None


def _may_have(dist: Distribution, group: str) -> bool:
    try:
        return group in (dist.read_text("entry_points.txt") or "")
    except (OSError, UnicodeDecodeError):
        return True  # better told in vain than not at all
