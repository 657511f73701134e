"""Defaults that come with a data set, used where neither the command line nor an experiment chooses a part.

An option of group `data` may name them, as in `suits: {head: [sequence]}` for records that have a label and no tags. In Hydra
only an experiment can choose options of other groups, so they are added to the overrides before Hydra reads them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from seqlab.config.plugins import providers


def add_data_defaults(overrides: Sequence[str]) -> list[str]:
    """Return `overrides`, followed by those for the parts that suit the data set and that nothing there chooses."""
    chosen = dict(word.split("=", 1) for word in overrides if "=" in word and not word.startswith("-"))
    # An experiment chooses its own parts, which these would override.
    if "experiment" in chosen or "data" not in chosen:
        return list(overrides)
    suits = _suits(chosen["data"])
    return [*overrides, *(f"{group}={_as_value(options)}" for group, options in suits.items() if group not in chosen)]


def remove_data_defaults(overrides: Sequence[str]) -> list[str]:
    """Return the words that `add_data_defaults` made `overrides` of, without any at the end that it would have added."""
    # The shortest beginning that gives the whole list: the words cannot show where they came from.
    shorter = (list(overrides[:n]) for n in range(len(overrides)))
    return next((words for words in shorter if add_data_defaults(words) == list(overrides)), list(overrides))


def _suits(option: str) -> dict[str, Any]:
    contents = (provider.contents.get(f"data/{option}") for provider in providers())
    content: Mapping[str, Any] = next((one for one in contents if one is not None), {})
    return dict(content.get("suits") or {})


def _as_value(options: str | Sequence[str]) -> str:
    return options if isinstance(options, str) else f"[{','.join(options)}]"
