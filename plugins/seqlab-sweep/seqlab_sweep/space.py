"""Read the search space from overrides in Hydra's syntax: `interval(…)`, `range(…)`, `choice(…)` and `a,b,c`."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from seqlab.config.build import known_targets
from seqlab.config.data_defaults import remove_data_defaults
from seqlab.config.overrides import Overrides
from seqlab.errors import ConfigError

Value: TypeAlias = str | int | float | bool | None
LOG = "log"


@dataclass(frozen=True)
class Space:
    """The search space of a sweep."""

    parameters: Mapping[str, BaseDistribution]
    """The distribution of each key that is searched."""
    fixed: Sequence[str]
    """The overrides that all trials share."""

    def overrides(self, params: Mapping[str, Value]) -> list[str]:
        """Return the overrides that set `params`."""
        return [f"{key}={override_value(value)}" for key, value in params.items()]

    def corners(self) -> list[dict[str, Value]]:
        """Return assignments that together contain every choice and both ends of every numeric range."""
        ends = {key: _ends(distribution) for key, distribution in self.parameters.items()}
        most = max(map(len, ends.values()), default=1)
        return [{key: values[min(i, len(values) - 1)] for key, values in ends.items()} for i in range(most)]

    def grid(self) -> dict[str, list[Value]]:
        """Return all values of each parameter.

        Raises: ConfigError for an interval, which has infinitely many.
        """
        return {key: _values(key, distribution) for key, distribution in self.parameters.items()}


def read_space(params: Mapping[str, Any], arguments: Sequence[str], *, loader: ConfigLoader) -> Space:
    """Return the space described by the `params` of a config and the overrides `arguments`.

    Typed overrides take precedence over `params`, and both over the overrides that suit the data set.

    Raises: ConfigError for an empty space, and if `params` names a class that no plugin provides.
    """
    parser = OverridesParser.create(config_loader=loader)
    lines = [f"{key}={override_value(value)}" for key, value in params.items()]
    _check_targets(lines)
    searched = parser.parse_overrides(lines)
    overrides = parser.parse_overrides(list(arguments))
    n_typed = len(remove_data_defaults(arguments))  # overrides that suit the data set come after the typed ones
    keys = {override.key_or_group for override in searched}
    suited = [override for override in overrides[n_typed:] if override.key_or_group not in keys]
    # Later entries replace earlier ones of the same place, hence this order.
    by_place = {_place(override): override for override in [*searched, *overrides[:n_typed], *suited]}
    by_key = {override.get_key_element(): override for override in by_place.values()}
    parameters = {key: _distribution(key, override) for key, override in by_key.items() if override.is_sweep_override()}
    if not parameters:
        raise ConfigError(
            "nothing to search: hydra.sweeper.params is empty and no override has several values; add one, as in"
            " 'optimizer.lr=tag(log, interval(1e-4, 1e-2))' or encoder=lstm,gru"
        )
    return Space(parameters, [_line(override) for override in by_place.values() if not override.is_sweep_override()])


def override_value(value: Any) -> str:
    """Return a value in override syntax; a string is returned unchanged because it is in that syntax already."""
    return value if isinstance(value, str) else str(Transformer.str(value))


def described(distribution: BaseDistribution) -> dict[str, Any]:
    """Return a distribution as plain values."""
    if isinstance(distribution, CategoricalDistribution):
        return {"kind": "choice", "choices": list(distribution.choices)}
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    kind = "float" if isinstance(distribution, FloatDistribution) else "int"
    ends = {"low": distribution.low, "high": distribution.high}
    return {"kind": kind, **ends, "step": None if distribution.log else distribution.step, "log": distribution.log}


def _check_targets(lines: Sequence[str]) -> None:
    """Raise ConfigError for unknown classes: a trial would see them as typed by the user and import them."""
    unknown = sorted(Overrides.parse(lines).targets - known_targets())
    if unknown:
        raise ConfigError(
            f"hydra.sweeper.params names {unknown[0]}, which no installed plugin provides; pass it as an override on the"
            " command line instead: classes named in a config file are not imported"
        )


def _place(override: Override) -> tuple[str, str | None, bool]:
    """Return what an override sets or deletes; `+key=…`, `++key=…` and `key=…` set the same place."""
    return override.key_or_group, override.package, override.is_delete()


def _line(override: Override) -> str:
    assert override.input_line is not None
    return override.input_line


def _distribution(key: str, override: Override) -> BaseDistribution:
    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        return _interval(key, sweep)
    if isinstance(sweep, RangeSweep):
        return _range(key, sweep)
    return _choices(key, override)


def _interval(key: str, sweep: IntervalSweep) -> BaseDistribution:
    low, high = sweep.start, sweep.end
    assert low is not None
    assert high is not None
    if not low < high:
        raise ConfigError(f"{key} is interval({low:g}, {high:g}), which is empty; the lower bound comes first")
    is_log = _is_log(key, sweep.tags, low)
    is_whole = isinstance(low, int) and isinstance(high, int)  # int(interval(1, 8))
    return IntDistribution(int(low), int(high), log=is_log) if is_whole else FloatDistribution(low, high, log=is_log)


def _range(key: str, sweep: RangeSweep) -> BaseDistribution:
    """Return the distribution of a range; its end is excluded, as in Hydra's own sweeps."""
    if not sweep.step:
        raise ConfigError(f"{key} is a range with step 0; expected a nonzero step")
    values = list(sweep.range())
    if not values:
        raise ConfigError(f"{key} is range({sweep.start}, {sweep.stop}, {sweep.step}), which is empty; its end is excluded")
    low, high = min(values), max(values)  # not start and stop: the step may be negative
    is_log = _is_log(key, sweep.tags, low)
    if is_log and abs(sweep.step) != 1:
        raise ConfigError(f"{key} has tag log and a step of {sweep.step}; remove one of the two")
    if isinstance(values[0], int):
        return IntDistribution(low, high, log=is_log) if is_log else IntDistribution(low, high, step=int(abs(sweep.step)))
    if is_log:
        raise ConfigError(f"{key} has tag log and fractional steps; use tag(log, interval(…)), or remove the tag")
    return FloatDistribution(low, high, step=float(abs(Decimal(str(sweep.step)))))


def _choices(key: str, override: Override) -> BaseDistribution:
    by_text = {override_value(value): value for value in map(_plain, override.sweep_iterator())}
    if not by_text:
        raise ConfigError(f"{key} has no choices; name at least one value")
    are_distinct = len(set(by_text.values())) == len(by_text)  # 1 and True are equal in Python: choose between their texts
    return CategoricalDistribution(list(by_text.values() if are_distinct else by_text))


def _plain(value: Any) -> Value:
    """Return a number, boolean or None unchanged, and any other choice as text in override syntax."""
    if isinstance(value, int | float) or value is None:
        return value
    return str(Transformer.str(value))


def _is_log(key: str, tags: Collection[str], low: float) -> bool:
    """Return whether the scale is logarithmic, after checking the tags."""
    unknown = sorted(set(tags) - {LOG})
    if unknown:
        raise ConfigError(f"{key} has the unknown tag {unknown[0]}; the only tag is log")
    if LOG in tags and low <= 0:
        raise ConfigError(f"{key} has tag log and starts at {low:g}; a logarithmic scale starts above 0")
    return LOG in tags


def _ends(distribution: BaseDistribution) -> list[Value]:
    node = described(distribution)
    ends: list[Value] = node["choices"] if node["kind"] == "choice" else [node["low"], node["high"]]
    return ends


def _values(key: str, distribution: BaseDistribution) -> list[Value]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution) and not distribution.log:
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, FloatDistribution) and distribution.step:
        n_steps = math.floor((distribution.high - distribution.low) / distribution.step + 1e-9)  # 0.3 / 0.1 is below 3
        low, step = Decimal(str(distribution.low)), Decimal(str(distribution.step))  # 0.1 + 2 * 0.1 is above 0.3
        return [float(low + i * step) for i in range(n_steps + 1)]
    raise ConfigError(
        f"{key} is an interval, which a grid cannot enumerate; use range(…) or choice(…), or another hparams_search"
    )
