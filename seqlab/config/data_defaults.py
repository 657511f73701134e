"""Parts that suit a data set: chosen with it, where the command line and an experiment leave them open.

An option of group `data` may name them, as `suits: {head: [sequence]}` does for records that have a label and no tags. Hydra
lets no option choose for groups outside an experiment, so they join the overrides before it reads them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from seqlab.config.plugins import providers


def with_suited(overrides: Sequence[str]) -> list[str]:
    """Return `overrides`, and after them those for the parts that suit the data set and that nothing there chooses."""
    chosen = dict(word.split("=", 1) for word in overrides if "=" in word and not word.startswith("-"))
    if "experiment" in chosen or "data" not in chosen:
        return list(overrides)
    suits = _suits(chosen["data"])
    return [*overrides, *(f"{group}={_spelt(options)}" for group, options in suits.items() if group not in chosen)]


def without_suited(overrides: Sequence[str]) -> list[str]:
    """Return what `with_suited` has made `overrides` of; what was typed last and is what it would have added goes as well."""
    typed = (list(overrides[:n]) for n in range(len(overrides)))
    return next((words for words in typed if with_suited(words) == list(overrides)), list(overrides))


def _suits(option: str) -> dict[str, Any]:
    contents = (provider.contents.get(f"data/{option}") for provider in providers())
    content: Mapping[str, Any] = next((one for one in contents if one is not None), {})
    return dict(content.get("suits") or {})


def _spelt(options: str | Sequence[str]) -> str:
    return options if isinstance(options, str) else f"[{','.join(options)}]"
