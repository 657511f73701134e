"""Mappings of a config that are open to keys of the user's own: overrides may set those without Hydra's `+`.

Hydra takes a key that is not there for a mistyped one. That is right for options, and wrong for what has names of the user's or
of the data, such as weights by tag. Open are `loss_weights`, `parameter_groups`, and each mapping of plain values that is an
option of a class (`class_weights` of a head, `columns` of a reader).
"""

import re
from collections.abc import Iterator, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from seqlab.config.compose import compose
from seqlab.errors import SeqlabError

TOP = ("loss_weights", "parameter_groups")
"""Open mappings that are no option of a class; what is in them may be a mapping in turn."""
_SET = re.compile(r"([\w-]+(?:\.[\w-]+)*)=(.*)", re.DOTALL)
"""An override of a value, without a sign before it."""


def opened(words: Sequence[str]) -> list[str]:
    """Return the overrides, those of new keys in open mappings with leave to add them (`++`); flags as they are."""
    found = [_SET.fullmatch(word) for word in words]
    if not any(one and ("." in one[1] or one[1] in TOP) for one in found):
        return list(words)
    config = _composed([word for word, one in zip(words, found, strict=True) if not one or "." not in one[1]])
    if config is None:
        return list(words)
    return [
        f"++{word}" if one and _is_new_in_open(config, one[1].split("."), value=one[2]) else word
        for word, one in zip(words, found, strict=True)
    ]


def _composed(words: Sequence[str]) -> DictConfig | None:
    """Return the config of the choices among `words`, of a sweep the first; None where they cannot be composed."""
    try:
        return compose([choice for word in words for choice in _first_choice(word)])
    except (HydraException, OmegaConfBaseException, SeqlabError):
        return None


def _first_choice(word: str) -> Iterator[str]:
    if word.startswith("-") or word.lstrip("+~").split("=")[0] in TOP:
        return
    override = OverridesParser.create().parse_override(word)
    if override.is_sweep_override():
        yield f"{word.partition('=')[0]}={next(override.sweep_string_iterator())}"
    else:
        yield word


def _is_new_in_open(config: DictConfig, keys: Sequence[str], *, value: str) -> bool:
    """Return whether the first of `keys` that is not there would be in an open mapping, or all are and it is given whole."""
    owner: object = None
    node: object = config
    for depth, key in enumerate(keys):
        if not isinstance(node, DictConfig) or node._is_none() or node._is_missing() or node._is_interpolation():
            return False
        if key not in node:
            is_top = keys[0] in TOP and depth
            return bool(is_top) or (_is_open(node, owner) and depth + 1 == len(keys))
        owner, node = node, node._get_node(key)
    is_whole = value.lstrip().startswith("{") and isinstance(node, DictConfig)
    return is_whole and (keys[0] in TOP or _is_open(node, owner))


def _is_open(node: object, owner: object) -> bool:
    """Return whether a mapping is an option of a class, `owner`, and has plain values alone."""
    if not isinstance(node, DictConfig) or not isinstance(owner, DictConfig) or "_target_" in node or "_target_" not in owner:
        return False
    return not any(isinstance(node._get_node(key), DictConfig) for key in node)
