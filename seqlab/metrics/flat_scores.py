"""Nested scores as one mapping with slash-separated names."""

from collections.abc import Mapping
from typing import Any


def flat_scores(scores: Mapping[str, Any]) -> dict[str, float]:
    """Return all numbers in nested `scores` by path, except those of single labels (``per_…``)."""
    flat: dict[str, float] = {}
    for name, value in scores.items():
        if isinstance(value, Mapping) and not name.startswith("per_"):
            flat |= {f"{name}/{inner}": number for inner, number in flat_scores(value).items()}
        elif isinstance(value, float):
            flat[name] = value
    return flat
