"""Entry points of installed distributions; one with damaged metadata does not affect the others."""

from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions

from packaging.utils import canonicalize_name

from seqlab.config.plugins.plugin import LeftOut


def entry_points_found(group: str) -> Iterator[EntryPoint | LeftOut]:
    """Yield each entry point of `group`; for those of a damaged distribution, the reason why they are left out.

    Among distributions of one name, the first on the path counts.
    """
    seen: set[str] = set()
    # Names are read only where there are points: parsing METADATA takes ten times as long as the rest.
    for dist in distributions():
        points = list(_points(dist, group=group))
        name = _metadata(dist, "Name") if points else None
        if name is None:
            yield from points
        elif canonicalize_name(name) not in seen:
            seen.add(canonicalize_name(name))
            # The one that is imported: another before `dist` on the path, without points, may hide it.
            first = next((one for one in distributions(name=name) if _metadata(one, "Name")), dist)
            yield from _points(first, group=group)


def _points(dist: Distribution, *, group: str) -> Iterator[EntryPoint | LeftOut]:
    try:
        points = list(dist.entry_points.select(group=group))
    except (TypeError, ValueError, AttributeError) as error:
        if _may_have(dist, group):
            name = _metadata(dist, "Name")
            reason = f"entry_points.txt of its installation cannot be read ({error}); reinstall it"
            yield LeftOut(name or "?", name or "unknown distribution", "?", "", reason)
        return
    missing = next((key for key in ("Name", "Version") if points and _metadata(dist, key) is None), None)
    if missing is None:
        yield from points
        return
    reason = f"METADATA of its installation has no {missing.lower()}; reinstall it"
    yield from (LeftOut(one.name, _metadata(dist, "Name") or "unknown distribution", "?", one.value, reason) for one in points)


def _metadata(dist: Distribution, key: str) -> str | None:
    """Return the METADATA entry `key`; None if it is missing, which Python's versions report in several ways."""
    try:
        return dist.metadata[key] or None
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError):
        return None


def _may_have(dist: Distribution, group: str) -> bool:
    try:
        return group in (dist.read_text("entry_points.txt") or "")
    except (OSError, UnicodeDecodeError):
        return True  # better a needless warning than none
