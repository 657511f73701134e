"""Entry points of installed distributions, damaged ones among them: one that cannot be read takes down no other."""

from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions

from packaging.utils import canonicalize_name

from seqlab.plugins.plugin import LeftOut

ENTRY_POINT_GROUP = "seqlab.plugins"


def entry_points_found() -> Iterator[EntryPoint | LeftOut]:
    """Yield each entry point of a plugin; what a damaged distribution would bring is left out, with the reason.

    Of distributions with one name, the first on the path counts.
    """
    seen: set[str] = set()
    for dist in distributions():
        name = _name(dist)
        if name and canonicalize_name(name) in seen:
            continue
        seen.add(canonicalize_name(name or ""))
        yield from _points(dist, name=name)


def _points(dist: Distribution, *, name: str | None) -> Iterator[EntryPoint | LeftOut]:
    try:
        points = list(dist.entry_points.select(group=ENTRY_POINT_GROUP))
    except (TypeError, ValueError, AttributeError) as error:
        if ENTRY_POINT_GROUP in (_text(dist, "entry_points.txt") or ""):
            reason = f"entry_points.txt of its installation cannot be read ({error}); reinstall it"
            yield LeftOut(name or "?", name or "unknown distribution", "?", "", reason)
        return
    if points and (name is None or _version(dist) is None):
        reason = f"METADATA of its installation has no {'name' if name is None else 'version'}; reinstall it"
        yield from (LeftOut(one.name, name or "unknown distribution", "?", one.value, reason) for one in points)
        return
    yield from points


def _name(dist: Distribution) -> str | None:
    try:
        return dist.metadata["Name"] or None
    except (KeyError, TypeError, AttributeError):  # without METADATA, which Python's versions tell in several ways
        return None


def _version(dist: Distribution) -> str | None:
    try:
        return dist.metadata["Version"] or None
    except (KeyError, TypeError, AttributeError):
        return None


def _text(dist: Distribution, name: str) -> str | None:
    try:
        return dist.read_text(name)
    except (OSError, UnicodeDecodeError):
        return ENTRY_POINT_GROUP  # it may name one: better told in vain than not at all
