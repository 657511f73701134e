"""Mistyped overrides told in one message: what was wrong, the nearest right one, and what there is."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from seqlab.config.compose import compose, names_in, options_of
from seqlab.config.plugins import discover
from seqlab.errors import ConfigError

N_LISTED = 40
_FULL_KEY = re.compile(r"is not in struct\s+full_key: (\S+)")
_INTERPOLATION = re.compile(r"Interpolation key '([^']+)' not found\s+full_key: (\S+)")
_PART = re.compile(r"embedding\.parts\.(\w+)\.")
_CHOICE = re.compile(r"\+{0,2}([\w/-]+)(?:@[\w.]*)?=")
"""An override of a group, or of a key at the top."""
_NO_NAME = re.compile(r"(?<![\w./-])(?:null|true|false|nan|[-+]?(?:inf|\.?\d))", re.IGNORECASE)
"""How what is no string begins; whether it is one, Hydra's parser says, which takes its time."""
_LIST = re.compile(r"^\+*(head|embedding)=\[(.*)\]$", re.MULTILINE)
"""Groups whose options stand side by side, by names of their own."""
_KEY = re.compile(
    r"Could not override '([^']+)'|Key '([^']+)' is not in struct|Could not find '([^']+)'"
    r"|Could not delete from config\. '([^']+)' does not exist"
)


def explain(error: Exception, overrides: Sequence[str]) -> ConfigError:
    """Return Hydra's `error` about `overrides` as one message."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(error.missing_cfg_file)
    if isinstance(error, MissingMandatoryValue):
        return ConfigError(f"{error.full_key} has no value; it has no default, so set {error.full_key}=…")
    message = str(error)
    missing = _INTERPOLATION.search(message)
    if missing:
        part = _PART.match(missing[1])
        hint = f"; set embedding=[{part[1]}], or add it to those chosen" if part else ""
        return ConfigError(f"{missing[2]} takes its value from {missing[1]}, which is not there{hint}")
    found = _FULL_KEY.search(f"{message}\n{error.__cause__ or ''}") or _KEY.search(message)
    key = next((group for group in found.groups() if group), None) if found else None
    if key:
        return _unknown_key(key.split("@")[0].removeprefix("+").removeprefix("~"), overrides)
    return ConfigError(_first_lines(error, message))


def check_overrides(overrides: Sequence[str]) -> None:
    """Refuse choices of config groups that cannot be meant, before Hydra composes them.

    Raises: ConfigError.
    """
    check_choices(overrides)
    check_together(overrides)


def check_choices(overrides: Sequence[str]) -> None:
    """Refuse values of config groups that are no name of an option: null, true, numbers.

    Raises: ConfigError that lists the options.
    """
    for word in overrides:
        chosen = _CHOICE.match(word)
        if chosen is None or not _NO_NAME.search(word, chosen.end()):
            continue
        options = options_of(chosen[1])
        wrong = [name for name in _names(word) if not isinstance(name, str | dict)] if options else []
        if wrong:
            none = f" ({chosen[1]}=identity is for none)" if "identity" in options else ""
            raise ConfigError(
                f"{chosen[1]}={word[chosen.end() :]}: {json.dumps(wrong[0])} is no name of an option; "
                f"{chosen[1]} has {', '.join(options)}{none}"
            )


def _names(word: str) -> Iterator[object]:
    """Yield what an override of a group chooses, of a sweep each in turn; a mapping sets keys."""
    parser = OverridesParser.create()
    try:
        override = parser.parse_override(word)
        choices = override.sweep_string_iterator() if override.is_choice_sweep() else [word.partition("=")[2]]
        for value in (parser.parse_override(f"group={choice}").value() for choice in choices):
            yield from value if isinstance(value, list) else [value]
    except HydraException:  # Hydra itself tells what is wrong with it
        return


def check_together(overrides: Sequence[str]) -> None:
    """Refuse options chosen side by side that bear one name: the last would take the place of the others.

    Raises: ConfigError that names them.
    """
    for group, chosen in _LIST.findall("\n".join(overrides)):
        owners: dict[str, str] = {}
        for option in filter(None, map(str.strip, chosen.split(","))):
            for name in names_in(group, option):
                if name in owners:
                    raise ConfigError(
                        f"{group}=[{chosen}]: {owners[name]} and {option} are both named {name}, so only one can be there; "
                        f"choose one, or give the other a name of its own in a config file of yours"
                    )
                owners[name] = option


def _unknown_option(config_file: str) -> ConfigError:
    group, _, option = config_file.rpartition("/")
    unused = discover().leaving_out(config_file)
    if unused is not None:
        who = f"plugin {unused.name!r} ({unused.distribution} {unused.version})"
        return ConfigError(f"{group}={option} is an option of {who}, which is left out: {unused.reason}")
    options = options_of(group)
    if not options:
        return ConfigError(f"there is no config {config_file!r}; run `seqlab train --help` for the groups and options")
    return ConfigError(
        f"{group}={option}: there is no such option{_did_you_mean(option, options, prefix=f'{group}=')};"
        f" {group} has {', '.join(options)}"
    )


def _unknown_key(key: str, overrides: Sequence[str]) -> ConfigError:
    kept = [word for word in overrides if not word.startswith("-") and word.lstrip("+~").partition("=")[0] != key]
    keys = _keys_with(kept)
    parent = key.rpartition(".")[0]
    siblings = sorted({_below(k, parent) for k in keys if not parent or k.startswith(f"{parent}.")})
    listed = ", ".join(siblings[:N_LISTED]) if siblings else ", ".join(sorted({k.split(".")[0] for k in keys}))
    return ConfigError(
        f"{key}: there is no such key{_did_you_mean(key, keys, prefix='')};"
        f" {parent + ' has' if siblings and parent else 'there are'} {listed} (to add a new key, write +{key}=…)"
    )


def _below(key: str, parent: str) -> str:
    return key.removeprefix(f"{parent}." if parent else "").split(".")[0]


def _keys_with(overrides: Sequence[str]) -> list[str]:
    choices = [word for word in overrides if "." not in word.partition("=")[0]]
    for attempt in (overrides, choices, []):
        try:
            return list(dict.fromkeys(_keys(compose(attempt))))
        except (OmegaConfBaseException, HydraException, ValueError, ConfigError):
            continue
    return []


def _keys(node: object, path: str = "") -> Iterator[str]:
    if isinstance(node, DictConfig):
        for key in filter(_is_setting, node):
            child = f"{path}.{key}".lstrip(".")
            yield child
            # The node and not its value: a value may be an interpolation that cannot be resolved.
            yield from _keys(node._get_node(key), child)


def _is_setting(key: object) -> bool:
    """Return whether a user sets it, unlike `_target_`."""
    return not str(key).startswith("_")


def _did_you_mean(word: str, known: Sequence[str], *, prefix: str) -> str:
    near = difflib.get_close_matches(word, [name for name in known if name != word], n=1, cutoff=0.5)
    if not near:
        same_leaf = [k for k in known if k.rpartition(".")[2] == word.rpartition(".")[2]]
        near = same_leaf[:1] if len(same_leaf) <= 3 else []
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def _first_lines(error: Exception, message: str) -> str:
    cause = error.__cause__
    lines = [line for line in f"{message}\n{cause or ''}".splitlines() if line.strip()]
    return " ".join(dict.fromkeys(line.strip() for line in lines))
