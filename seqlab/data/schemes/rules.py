"""Rules about neighbouring tags, written ``prevs>tags`` with sets of prefixes.

A final ``=`` requires equal labels, ``!`` different labels; without either, both are accepted. ``*`` means any prefix. A
sequence is preceded and followed by an `O`.
"""

from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
from jaxtyping import Bool

from seqlab.data.schemes.tags import PREFIXES

PairTable: TypeAlias = Bool[np.ndarray, "prev_prefix prefix is_same_label"]


@final
@dataclass(frozen=True, slots=True)
class SpanRules:
    """The pairs of neighbours that start a span, lie inside a span, and end a span."""

    start: PairTable
    inside: PairTable
    end: PairTable


def pair_table(rules: str) -> PairTable:
    """Return whether one of `rules`, separated by spaces, accepts each (previous prefix, prefix, labels are equal)."""
    table = np.zeros((len(PREFIXES), len(PREFIXES), 2), dtype=np.bool_)
    for rule in rules.split():
        prevs, _, tags = rule.rstrip("=!").partition(">")
        is_same = {"=": [1], "!": [0]}.get(rule[-1], [0, 1])
        table[np.ix_(_columns(prevs), _columns(tags), is_same)] = True
    return table


def span_rules(start: str, inside: str, end: str) -> SpanRules:
    """Return the tables of three sets of rules."""
    return SpanRules(pair_table(start), pair_table(inside), pair_table(end))


def _columns(prefixes: str) -> list[int]:
    return [PREFIXES.index(prefix) for prefix in (PREFIXES if prefixes == "*" else prefixes)]


DEFAULT_RULES = span_rules("*>BS ESO>EI *>BIESLU?!", "", "ES>* BI>BSO BIESLU?>*!")
"""seqeval's default mode (the rules of conlleval) for all schemes; it does not know L and U, which count as `?`."""
