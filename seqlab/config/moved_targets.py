"""Targets that have moved, so that bundles, runs and plugins written for older versions still load."""

_MOVED = {
    "seqlab.callbacks": "seqlab.training.callbacks",
    "seqlab.data.acoustics": "seqlab.data.audio.mel",
    "seqlab.regularizers": "seqlab.training.regularizers",
    "seqlab.schedules": "seqlab.training.lr_schedules",
}
"""Old module: today's module."""


def current_target(target: str) -> str:
    """Return today's path of a class or function; `target` itself where it has not moved."""
    module, _, name = target.rpartition(".")
    return f"{_MOVED[module]}.{name}" if module in _MOVED else target
