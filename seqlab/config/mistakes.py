"""Hydra's errors in one message: what is wrong, the nearest name that exists, and the names there are."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from seqlab.config.compose import compose, options_of
from seqlab.config.plugins import discover
from seqlab.config.tree import walk
from seqlab.errors import ConfigError, did_you_mean

HYDRA_ERRORS = (HydraException, OmegaConfBaseException)
N_LISTED = 40
_FULL_KEY = re.compile(r"is not in struct\s+full_key: (\S+)")
_INTERPOLATION = re.compile(r"Interpolation key '([^']+)' not found\s+full_key: (\S+)")
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
    lines = (line.strip() for line in f"{message}\n{error.__cause__ or ''}".splitlines())
    return ConfigError(" ".join(dict.fromkeys(filter(None, lines))))


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
    kept = [word for word in overrides if not word.startswith("-") and word.lstrip("+~").partition("=")[0] != key]
    keys = _keys_with(kept)
    parent = key.rpartition(".")[0]
    prefix = f"{parent}." if parent else ""
    siblings = sorted({k.removeprefix(prefix).split(".")[0] for k in keys if k.startswith(prefix)})
    listed = ", ".join(siblings[:N_LISTED]) if siblings else ", ".join(sorted({k.split(".")[0] for k in keys}))
    there_are = f"{parent} has" if siblings and parent else "there are"
    # Last, those that differ in what stands before it, as encoder.width for width, unless they are many.
    same_leaf = [k for k in keys if k != key and k.rpartition(".")[2] == key.rpartition(".")[2]]
    hint = did_you_mean(key, keys, cutoff=0.5) or did_you_mean(key, same_leaf if len(same_leaf) <= 3 else [], cutoff=0)
    return ConfigError(f"{key}: there is no such key{hint}; {there_are} {listed} (to add a new key, write +{key}=…)")


def _keys_with(overrides: Sequence[str]) -> list[str]:
    """Return the keys of the config with `overrides`; where those do not compose, with as many as do."""
    choices = [word for word in overrides if "." not in word.partition("=")[0]]
    # Another word may be mistaken too; the chosen options alone have most keys.
    for attempt in (overrides, choices, []):
        try:
            config = compose(attempt)
        except (*HYDRA_ERRORS, ValueError, ConfigError):
            continue
        # Unresolved: an interpolation may lead to what is missing.
        nodes = walk(OmegaConf.to_container(config, resolve=False))
        return [path for path, _ in nodes if path and not any(name.startswith("_") for name in path.split("."))]
    return []
