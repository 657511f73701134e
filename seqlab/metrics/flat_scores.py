"""Nested scores as one mapping with slash-separated names."""

from collections.abc import Mapping
from typing import Any


def flat_scores(scores: Mapping[str, Any]) -> dict[str, float]:
    """Return all numbers in nested `scores` by path, except those of single labels (``per_…``)."""
    flat: dict[str, float] = {}
    for name, value in scores.items():
        if isinstance(value, Mapping) and not name.startswith("per_"):
            flat |= {f"{name}/{inner}": number for inner, number in flat_scores(value).items()}
        # counts are integers, and no scores
        elif isinstance(value, float):
            flat[name] = value
    return flat


def per_label_key(scores: Mapping[str, Any]) -> str | None:
    """Return the key of the first scores of single labels (`per_type`, `per_tag` …); None where there are none.

    Heads put the most useful ones first: those of spans before those of the tags that encode them.
    """
    return next((key for key, value in scores.items() if key.startswith("per_") and value), None)
