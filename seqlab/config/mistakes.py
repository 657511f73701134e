"""Hydra's errors in one message: what is wrong, the nearest name that exists, and the names there are."""

import re
import shlex
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from seqlab.config.compose import compose, hydra_keys, options_of
from seqlab.config.plugins import discover, providers
from seqlab.config.tree import walk
from seqlab.errors import ConfigError, did_you_mean

HYDRA_ERRORS = (HydraException, OmegaConfBaseException)
N_LISTED = 40
_FULL_KEY = re.compile(r"is not in struct\s+full_key: (\S+)")
_INTERPOLATION = re.compile(r"Interpolation key '([^']+)' not found\s+full_key: (\S+)")
_AMBIGUOUS = re.compile(r"Ambiguous value for argument '(.*?)'\n", re.DOTALL)
_PART = re.compile(r"embedding\.parts\.(\w+)\.")
_KEY = re.compile(
    r"Could not override '([^']+)'|Key '([^']+)' is not in struct|Could not find '([^']+)'"
    r"|Could not delete from config\. '([^']+)' does not exist"
)


@contextmanager
def explaining(overrides: Sequence[str]) -> Iterator[None]:
    """Raise errors of Hydra about `overrides` as ConfigErrors that explain them."""
    try:
        yield
    except HYDRA_ERRORS as error:
        raise explain(error, overrides) from error
    # Hydra asserts what it expects of overrides, or fails on them.
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        if not _is_of_hydra(error):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        reason = reason.partition(" : Override(")[0]  # how Hydra stores it
        if "deletion value" in reason:
            reason = "a removal names one option, or none: ~GROUP=OPTION or ~GROUP"
        raise ConfigError(f"{_culprit(overrides)}: Hydra cannot apply it ({reason})") from error


def _is_of_hydra(error: Exception) -> bool:
    """Return whether code of Hydra or OmegaConf raised the error, called to compose a config and not by a run."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    callers = [name for name in names if name.startswith("seqlab.")]
    is_composing = not callers or callers[-1].startswith(("seqlab.config.", "seqlab.cli."))
    return is_composing and names[-1].partition(".")[0] in ("hydra", "omegaconf")


def _culprit(overrides: Sequence[str]) -> str:
    """Return the first override that Hydra fails on alone; all of them if there is none."""
    words = _only_overrides(overrides)
    for word in words:
        try:
            compose([word])
        except (*HYDRA_ERRORS, ConfigError):
            continue  # this one has an explanation
        except Exception:  # noqa: BLE001 (Hydra's parser and its plugins raise errors of any type)
            return word
    return " ".join(word for word in words if word.startswith("hydra")) or " ".join(words)


def _only_overrides(words: Sequence[str]) -> list[str]:
    """Return the words that are overrides, without flags and their values."""
    return [word for word in words if not word.startswith("-") and ("=" in word or word.startswith("~"))]


def explain(error: Exception, overrides: Sequence[str]) -> ConfigError:
    """Return Hydra's `error` about `overrides` as one message."""
    if isinstance(error, OverrideParseException):
        return _unreadable(error, overrides)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(error.missing_cfg_file)
    if isinstance(error, MissingMandatoryValue):
        return ConfigError(f"{error.full_key} has no value; it has no default, so set {error.full_key}=…")
    message = str(error)
    ambiguous = _AMBIGUOUS.match(message)
    if ambiguous:
        return _ambiguous(ambiguous[1])
    missing = _INTERPOLATION.search(message)
    if missing:
        part = _PART.match(missing[1])
        hint = f"; set embedding=[{part[1]}], or add it to those chosen" if part else ""
        return ConfigError(f"{missing[2]} takes its value from {missing[1]}, which is not there{hint}")
    found = _FULL_KEY.search(f"{message}\n{error.__cause__ or ''}") or _KEY.search(message)
    key = next((group for group in found.groups() if group), None) if found else None
    if key:
        return _unknown_key(key.split("@")[0].removeprefix("+").removeprefix("~"), overrides)
    lines = (line.strip() for line in f"{message}\n{error.__cause__ or ''}".splitlines())
    return ConfigError(" ".join(dict.fromkeys(filter(None, lines))))


def _unreadable(error: OverrideParseException, overrides: Sequence[str]) -> ConfigError:
    """Return what is wrong with a word that is no override, and how to quote it if that helps."""
    key, _, value = error.override.partition("=")
    if "=" not in error.override:
        # A value with a space that the shell has split: the word before it is its beginning.
        before = next((one for one, word in pairwise(overrides) if word == error.override and "=" in one), None)
        key, _, value = f"{before or 'KEY=VALUE'} {error.override}".partition("=")
    quoted = _quoted(key, value)
    try:
        OverridesParser.create().parse_override(quoted)
    except HydraException:
        return ConfigError(f"{error.override!r} is not an override; expected KEY=VALUE, +KEY=VALUE or ~KEY")
    reason = "Hydra does not take such a value unquoted; quote it for Hydra and the shell"
    return ConfigError(f"{error.override!r} cannot be read: {reason}: {shlex.quote(quoted)}")


def _ambiguous(override: str) -> ConfigError:
    key, _, value = override.partition("=")
    text, listed = shlex.quote(_quoted(key, value)), shlex.quote(f"{key}=[{value}]")
    return ConfigError(
        f"{override!r} has commas outside quotes; write {text} for a text, {listed} for a list, or add -m to run each value"
    )


def _quoted(key: str, value: str) -> str:
    """Return the override with its value in quotes for Hydra."""
    # Backslashes first, or those that escape the quotes would be doubled too.
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}="{escaped}"'


def _unknown_option(config_file: str) -> ConfigError:
    group, _, option = config_file.rpartition("/")
    unused = discover().leaving_out(config_file)
    if unused is not None:
        plugin = f"plugin {unused.name!r} ({unused.distribution} {unused.version})"
        return ConfigError(f"{group}={option} is an option of {plugin}, which is left out: {unused.reason}")
    options = options_of(group)
    if not options:
        return ConfigError(f"there is no config {config_file!r}; run `seqlab train --help` for the groups and options")
    hint = did_you_mean(option, options, prefix=f"{group}=", cutoff=0.5)
    return ConfigError(f"{group}={option}: there is no such option{hint}; {group} has {', '.join(options)}")


def _unknown_key(key: str, overrides: Sequence[str]) -> ConfigError:
    # Without the mistaken word, so that the others compose.
    kept = [word for word in _only_overrides(overrides) if word.lstrip("+~").partition("=")[0] != key]
    keys = _keys_with(kept, of=_hydra_config if key.startswith("hydra.") else compose)
    if not key.rpartition(".")[2].startswith("_"):  # such as _target_, which few mean to set
        keys = [name for name in keys if not any(part.startswith("_") for part in name.split("."))]
    if key.startswith("hydra."):
        keys += _keys_of_options(key)
    parent = key.rpartition(".")[0]
    prefix = f"{parent}." if parent else ""
    siblings = sorted({k.removeprefix(prefix).split(".")[0] for k in keys if k.startswith(prefix)})
    listed = ", ".join(siblings[:N_LISTED]) if siblings else ", ".join(sorted({k.split(".")[0] for k in keys}))
    there_are = f"{parent} has" if siblings and parent else "there are"
    # Last, those that differ in what stands before it, as encoder.width for width, unless they are many.
    same_leaf = [k for k in keys if k != key and k.rpartition(".")[2] == key.rpartition(".")[2]]
    hint = did_you_mean(key, keys, cutoff=0.5) or did_you_mean(key, same_leaf if len(same_leaf) <= 3 else [], cutoff=0)
    return ConfigError(f"{key}: there is no such key{hint}; {there_are} {listed} (to add a new key, write +{key}=…)")


def _hydra_config(overrides: Sequence[str]) -> DictConfig:
    return OmegaConf.create({"hydra": hydra_keys(overrides)})


def _keys_of_options(key: str) -> list[str]:
    """Return the keys that options of the group of `hydra.GROUP.KEY` would bring."""
    group = f"hydra/{key.split('.')[1]}/"
    contents = [content for one in providers() for option, content in one.contents.items() if option.startswith(group)]
    prefix = group.replace("/", ".")
    return [f"{prefix}{name}" for content in contents for name in content if name != "defaults" and not name.startswith("_")]


def _keys_with(overrides: Sequence[str], *, of: Callable[[Sequence[str]], DictConfig]) -> list[str]:
    """Return the keys of the config with `overrides`; where those do not compose, with as many as do."""
    choices = [word for word in overrides if "." not in word.partition("=")[0]]
    # Another word may be mistaken too; the chosen options alone have most keys.
    for attempt in (overrides, choices, []):
        try:
            config = of(attempt)
        except (*HYDRA_ERRORS, ValueError, ConfigError):
            continue
        # Unresolved: an interpolation may lead to what is missing.
        nodes = walk(OmegaConf.to_container(config, resolve=False))
        return [path for path, _ in nodes if path]
    return []
