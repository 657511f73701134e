"""Overrides as a user types them, parsed once: the words for Hydra, the classes that they name, the keys that they set.

Overrides are the only place whose classes a run may import beyond the allow-list, as in `encoder._target_=my_file.MyEncoder`;
a class that a config file or a bundle names never is. So `Overrides.parse` takes only words that come from a command line or
from the caller of `seqlab.train`.

Hydra takes a key that is not there for a typing mistake. That is right for options, and wrong for names that the user or the
data bring, such as weights by tag, and for the arguments of a class of the user's own. Such keys need no `+`. Open to new keys
are `loss_weights`, `parameter_groups`, and each mapping of plain values that is an option of a class (`class_weights` of a
head, `columns` of a reader).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from seqlab.config.choices import check_choices
from seqlab.config.compose import compose
from seqlab.config.data_defaults import add_data_defaults
from seqlab.config.tree import leaves
from seqlab.errors import ConfigError, SeqlabError

OPEN_AT_TOP = ("loss_weights", "parameter_groups")
"""Open mappings that are no option of a class; their values may be mappings too."""
_TARGET = "._target_"


@dataclass(frozen=True)
class Overrides:
    """What the user typed."""

    words: tuple[str, ...]
    """Overrides and flags for Hydra, completed by what suits the data set; those that may add a key begin with `++`."""
    targets: frozenset[str]
    """Classes that the user named."""
    keys: frozenset[str]
    """Every key that the user set, dotted."""

    @classmethod
    def parse(cls, words: Sequence[str]) -> "Overrides":
        """Return what `words` say. Hydra reports words that cannot be parsed, later.

        Raises: ConfigError for a choice that no option of its group can be, and for options chosen together under one name.
        """
        if isinstance(words, str):
            raise ConfigError(f"overrides is {words!r}; expected a list of them: [{words!r}]")
        completed = add_data_defaults(words)
        parsed = {word: override for word in completed if (override := _parsed(word)) is not None}
        if unnamed := next((word for word, override in parsed.items() if not override.key_or_group), None):
            raise ConfigError(f"{unnamed!r} names no key; expected KEY=VALUE, +KEY=VALUE or ~KEY")
        choices = {word: _choices(override) for word, override in parsed.items()}
        for word, override in parsed.items():
            check_choices(override, choices[word])
        entries = [
            entry
            for word, override in parsed.items()
            if override.package is None
            for choice in choices[word]
            for entry in leaves(choice, override.key_or_group)
        ]
        own_parts = tuple(key.removesuffix("_target_") for key, _ in entries if key.endswith(_TARGET))
        changes = {word for word, override in parsed.items() if _is_change(override)}
        is_needed = any(not parsed[word].is_hydra_override() for word in changes)  # composing takes its time
        config = _composed(override for word, override in parsed.items() if word not in changes) if is_needed else None
        addable = {
            word
            for word in changes
            if _is_beside_class(parsed[word].key_or_group, own_parts)
            or (config is not None and _is_in_open_mapping(config, parsed[word].key_or_group, choices[word]))
        }
        return cls(
            words=tuple(f"++{word}" if word in addable else word for word in completed),
            targets=frozenset(value for key, value in entries if key.endswith(_TARGET) and isinstance(value, str)),
            keys=frozenset(key for key, _ in entries),
        )

    def sets(self, key: str) -> bool:
        """Return whether the user set `key`, or something below it."""
        return any(word == key or word.startswith(f"{key}.") for word in self.keys)


def _parsed(word: str) -> Override | None:
    """Return the override; None for a flag, and for what Hydra's parser refuses."""
    try:
        return None if word.startswith("-") else OverridesParser.create().parse_override(word)
    except HydraException:
        return None


def _choices(override: Override) -> list[Any]:
    """Return the value of an override, or those of a sweep over choices; none of other sweeps and of deletions."""
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return [Override._convert_value(choice) for choice in value.list]
    return [] if override.is_delete() or override.is_sweep_override() else [value]


def _is_change(override: Override) -> bool:
    """Return whether an override changes a single value, which Hydra wants to be there."""
    key = override.key_or_group
    return override.type is OverrideType.CHANGE and override.package is None and ("." in key or key in OPEN_AT_TOP)


def _is_beside_class(key: str, own_parts: tuple[str, ...]) -> bool:
    """Return whether `key` is an argument of a class that the user named."""
    return key.startswith(own_parts) and not key.endswith(_TARGET)


def _composed(overrides: Iterable[Override]) -> DictConfig | None:
    """Return the config of some overrides, of a sweep the first choice; None where they do not compose."""
    try:
        return compose([word for override in overrides for word in _first_word(override)])
    # Hydra asserts what it expects of overrides.
    except (HydraException, OmegaConfBaseException, SeqlabError, AssertionError, LookupError, TypeError, ValueError):
        return None  # the run itself composes them again, and its error is explained


def _first_word(override: Override) -> list[str]:
    if isinstance(override.value(), ChoiceSweep):
        return [f"{override.get_key_element()}={choice}" for choice in override.sweep_string_iterator()][:1]
    return [] if override.is_sweep_override() else [str(override.input_line)]


def _is_in_open_mapping(config: DictConfig, key: str, choices: Sequence[object]) -> bool:
    """Return whether `key` is a new one of an open mapping, or an open mapping that is given as a whole."""
    names = key.split(".")
    is_open_at_top = names[0] in OPEN_AT_TOP
    owner: object = None
    node: object = config
    for depth, name in enumerate(names):
        if not isinstance(node, DictConfig) or node._is_none() or node._is_missing() or node._is_interpolation():
            return False
        if name not in node:
            is_last = depth + 1 == len(names)
            return (is_open_at_top and depth > 0) or (is_last and _is_open(node, owner))
        owner, node = node, node._get_node(name)
    is_whole = isinstance(node, DictConfig) and any(isinstance(choice, dict) for choice in choices)
    return is_whole and (is_open_at_top or _is_open(node, owner))


def _is_open(node: object, owner: object) -> bool:
    """Return whether a mapping has plain values only and is an option of a class, `owner`."""
    if not isinstance(node, DictConfig) or not isinstance(owner, DictConfig) or "_target_" in node or "_target_" not in owner:
        return False
    return not any(isinstance(node._get_node(key), DictConfig) for key in node)
