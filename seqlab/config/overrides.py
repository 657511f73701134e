"""Classes that the user himself names in overrides, as in `encoder._target_=my_file.MyEncoder`.

Overrides are the one place whose targets a run may import beyond the allow-list: what a config file or a bundle says never gets
here. Only `words` that come from a command line, or from the caller of `seqlab.train`, may be handed to `typed_in`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from seqlab.config.tree import leaves

_VALUE = re.compile(r"\+{0,2}([\w.-]+)=")
"""How an override of a value begins; a sign before it, or none."""
_TARGET = "._target_"


@dataclass(frozen=True)
class Typed:
    """What overrides name and set."""

    words: tuple[str, ...]
    """The overrides to compose: those beside a class that is named may be new keys, without a `+`."""
    targets: frozenset[str]
    keys: frozenset[str]
    """Every key that is set, dotted."""

    def sets(self, key: str) -> bool:
        """Return whether the user set `key`, or something below it."""
        return any(word == key or word.startswith(f"{key}.") for word in self.keys)


NOTHING = Typed(words=(), targets=frozenset(), keys=frozenset())


def typed_in(words: Sequence[str]) -> Typed:
    """Return what `words` name and set: overrides, and flags, which are handed on as they are."""
    if not any(_TARGET[1:] in word for word in words):
        return Typed(tuple(words), frozenset(), frozenset())
    entries = [entry for word in words for entry in _entries(word)]
    places = [key.removesuffix(_TARGET) for key, _ in entries if key.endswith(_TARGET)]
    return Typed(
        words=tuple(_addable(word, places=places) for word in words),
        targets=frozenset(value for key, value in entries if key.endswith(_TARGET) and isinstance(value, str)),
        keys=frozenset(key for key, _ in entries),
    )


def _addable(word: str, *, places: Sequence[str]) -> str:
    """Return the override with leave to add its key, where it lies below one of `places`."""
    found = _VALUE.match(word)
    is_beside = found is not None and not word.startswith("+") and not found[1].endswith(_TARGET)
    return f"++{word}" if found and is_beside and any(found[1].startswith(f"{place}.") for place in places) else word


def _entries(word: str) -> Iterator[tuple[str, Any]]:
    """Yield each key that an override sets, with its value; of a sweep over choices, with each choice."""
    if not _VALUE.match(word):
        return
    parser = OverridesParser.create()
    try:
        override = parser.parse_override(word)
        for choice in _choices(override):
            yield from leaves(parser.parse_override(f"{override.key_or_group}={choice}").value(), override.key_or_group)
    except HydraException:  # Hydra itself tells what is wrong with it
        return


def _choices(override: Override) -> Iterator[str]:
    if override.is_choice_sweep():
        yield from override.sweep_string_iterator()
    elif not override.is_sweep_override():
        yield override.get_value_string()
