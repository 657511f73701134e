"""What a sweep searches, read from overrides in Hydra's own syntax: `interval(…)`, `range(…)`, `choice(…)` and `a,b,c`."""

import math
from collections.abc import Iterable, Mapping, Sequence
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
    """The parameters of a search by key, and the overrides that all trials have in common."""

    parameters: Mapping[str, BaseDistribution]
    fixed: Sequence[str]

    def overrides(self, params: Mapping[str, Value]) -> list[str]:
        """Return what sets one trial apart, ready to type."""
        return [f"{key}={spelt(value)}" for key, value in params.items()]

    def corners(self) -> list[dict[str, Value]]:
        """Return assignments in which every choice, and both ends of every range of numbers, occur."""
        ends = {key: _ends(distribution) for key, distribution in self.parameters.items()}
        most = max(map(len, ends.values()), default=1)
        return [{key: values[min(i, len(values) - 1)] for key, values in ends.items()} for i in range(most)]

    def grid(self) -> dict[str, list[Value]]:
        """Return the values of each parameter.

        Raises: ConfigError for one that has no end of them.
        """
        return {key: _values(key, distribution) for key, distribution in self.parameters.items()}


def read_space(params: Mapping[str, Any], arguments: Sequence[str], *, loader: ConfigLoader) -> Space:
    """Return what `params` of a config and the overrides `arguments` search and fix.

    What is typed comes first, then `params`, then what suits the data set.

    Raises: ConfigError for a space in which nothing can be found, and for one of a config that names a class of its own.
    """
    parser = OverridesParser.create(config_loader=loader)
    lines = [f"{key}={spelt(value)}" for key, value in params.items()]
    _check_targets(lines)
    searched = parser.parse_overrides(lines)
    overrides = parser.parse_overrides(list(arguments))
    n_typed = len(remove_data_defaults(arguments))
    keys = {one.key_or_group for one in searched}
    suited = [one for one in overrides[n_typed:] if one.key_or_group not in keys]
    found = {_place(one): one for one in [*searched, *overrides[:n_typed], *suited]}
    named = {one.get_key_element(): one for one in found.values()}
    parameters = {key: _distribution(key, one) for key, one in named.items() if one.is_sweep_override()}
    if not parameters:
        raise ConfigError(
            "nothing to search: hydra.sweeper.params is empty and no override is a range; add one, as in"
            " 'optimizer.lr=tag(log, interval(1e-4, 1e-2))' or encoder=lstm,gru"
        )
    return Space(parameters, [_line(one) for one in found.values() if not one.is_sweep_override()])


def spelt(value: Any) -> str:
    """Return a value as an override has it; text stays as it is, for it is in that form already."""
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
    """Refuse classes that no config file describes: a trial takes them for typed, and would import them."""
    strangers = sorted(Overrides.parse(lines).targets - known_targets())
    if strangers:
        raise ConfigError(
            f"hydra.sweeper.params names {strangers[0]}, which no installed plugin brings; type it as an override, beside or"
            " instead of hydra.sweeper.params: what a config file says is not imported"
        )


def _place(override: Override) -> tuple[str, str | None, bool]:
    """Return what an override is about, whichever sign stands before it."""
    return override.key_or_group, override.package, override.is_delete()


def _line(override: Override) -> str:
    assert override.input_line is not None
    return override.input_line


def _distribution(key: str, override: Override) -> BaseDistribution:
    said = override.value()
    if isinstance(said, IntervalSweep):
        return _interval(key, said)
    if isinstance(said, RangeSweep):
        return _range(key, said)
    return _choices(key, override)


def _interval(key: str, said: IntervalSweep) -> BaseDistribution:
    low, high, is_log = said.start, said.end, LOG in said.tags
    assert low is not None
    assert high is not None
    _check_tags(key, said.tags)
    if not low < high:
        raise ConfigError(f"{key} is interval({low:g}, {high:g}), which is empty; the lower bound comes first")
    _check_log(key, low, is_log=is_log)
    is_whole = isinstance(low, int) and isinstance(high, int)  # int(interval(1, 8))
    return IntDistribution(int(low), int(high), log=is_log) if is_whole else FloatDistribution(low, high, log=is_log)


def _range(key: str, said: RangeSweep) -> BaseDistribution:
    """Return the numbers of a range; its end is not one of them, as in Hydra's own sweeps."""
    is_log = LOG in said.tags
    _check_tags(key, said.tags)
    if not said.step:
        raise ConfigError(f"{key} is a range of step 0; expected another step")
    values = list(said.range())
    if not values:
        raise ConfigError(f"{key} is range({said.start}, {said.stop}, {said.step}), which is empty; its end is not part of it")
    low, high = min(values), max(values)
    _check_log(key, low, is_log=is_log)
    if is_log and abs(said.step) != 1:
        raise ConfigError(f"{key} has tag log and a step of {said.step}; leave one of the two out")
    if isinstance(values[0], int):
        return IntDistribution(low, high, log=is_log) if is_log else IntDistribution(low, high, step=int(abs(said.step)))
    if is_log:
        raise ConfigError(f"{key} has tag log and steps of a fraction; use tag(log, interval(…)), or leave the tag out")
    return FloatDistribution(low, high, step=float(abs(Decimal(str(said.step)))))


def _choices(key: str, override: Override) -> BaseDistribution:
    by_text = {spelt(value): value for value in map(_plain, override.sweep_iterator())}
    if not by_text:
        raise ConfigError(f"{key} is a choice of nothing; name at least one value")
    are_distinct = len(set(by_text.values())) == len(by_text)  # 1 and true are equal in Python, and no choice between them
    return CategoricalDistribution(list(by_text.values() if are_distinct else by_text))


def _plain(value: Any) -> Value:
    """Return a choice as a number, a switch, null, or else the text that an override has for it."""
    if isinstance(value, int | float) or value is None:
        return value
    return str(Transformer.str(value))


def _check_tags(key: str, tags: Iterable[str]) -> None:
    unknown = sorted(set(tags) - {LOG})
    if unknown:
        raise ConfigError(f"{key} has tag {unknown[0]}, which means nothing here; there is log")


def _check_log(key: str, low: float, *, is_log: bool) -> None:
    if is_log and low <= 0:
        raise ConfigError(f"{key} has tag log and begins at {low:g}; a logarithmic scale begins above 0")


def _ends(distribution: BaseDistribution) -> list[Value]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return [distribution.low, distribution.high]


def _values(key: str, distribution: BaseDistribution) -> list[Value]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution) and not distribution.log:
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, FloatDistribution) and distribution.step:
        n_steps = math.floor((distribution.high - distribution.low) / distribution.step + 1e-9)
        low, step = Decimal(str(distribution.low)), Decimal(str(distribution.step))
        return [float(low + i * step) for i in range(n_steps + 1)]
    raise ConfigError(
        f"{key} is an interval, which no grid can go through; give it a range(…) or choice(…), or sample at random"
    )
