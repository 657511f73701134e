"""Conflicts: options that several providers bring.

Options of seqlab itself win. Among plugins none has precedence, so the options of all that conflict are left out until the user
excludes one of them.
"""

from collections.abc import Mapping, Sequence

from seqlab.config.plugins.distributions import CORE
from seqlab.config.plugins.plugin import Plugin

USERS_OWN = ("local/default",)
"""Options that `train.yaml` reads if they exist: defaults of the user's own, which no plugin may set."""


def clashes(plugins: Sequence[Plugin], *, core: Plugin) -> dict[Plugin, str]:
    """Return the plugins that share an option with another provider, each with the reason why its options are left out."""
    owners: dict[str, list[Plugin]] = {option: [core] for option in (*core.options(), *USERS_OWN)}
    for plugin in plugins:
        for option in plugin.options():
            owners.setdefault(option, []).append(plugin)
    shared = {option: found for option, found in owners.items() if len(found) > 1}
    return {plugin: _reason(plugin, shared) for plugin in plugins if any(plugin in found for found in shared.values())}


def _reason(plugin: Plugin, shared: Mapping[str, Sequence[Plugin]]) -> str:
    option, *others = (option for option, found in shared.items() if plugin in found)
    path, more = plugin.options()[option], f" (and {len(others)} more)" if others else ""
    if option in USERS_OWN:
        return f"option {option!r} ({path}) would be part of every run, and only users may add such options; rename it"
    rivals = [plugin, *(one for one in shared[option] if one is not plugin and one.distribution != CORE)]
    if len(rivals) == 1:
        return f"option {option!r} is added by both {shared[option][0]} and {plugin} ({path}){more}; rename that of the plugin"
    choices = " or ".join(f"SEQLAB_WITHOUT={_unique_name(one, rivals)}" for one in rivals)
    both = " and ".join(map(str, rivals))
    return f"option {option!r} is added by both {both} ({path}){more}; leave one out with {choices}"


def _unique_name(plugin: Plugin, among: Sequence[Plugin]) -> str:
    is_alone = sum(other.name == plugin.name for other in among) == 1
    return plugin.name if is_alone else plugin.distribution
