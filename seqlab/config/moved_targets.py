"""Old paths of classes and functions that have moved: bundles, runs and plugins made for older versions still load."""

_MOVED = {
    "seqlab.callbacks": "seqlab.training.callbacks",
    "seqlab.data.acoustics": "seqlab.data.audio.mel",
    "seqlab.regularizers": "seqlab.training.regularizers",
    "seqlab.schedules": "seqlab.training.lr_schedules",
}
"""Old module: current module."""


def current_target(target: str) -> str:
    """Return the current path of a class or function; `target` itself if it has not moved."""
    module, _, name = target.rpartition(".")
    return f"{_MOVED[module]}.{name}" if module in _MOVED else target
