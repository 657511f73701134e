"""The standard schemes by name, and conversion between them."""

from collections.abc import Sequence

from seqlab.data.schemes.rules import pair_table, span_rules
from seqlab.data.schemes.scheme import Scheme
from seqlab.errors import ConfigError, did_you_mean

_SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme(
            name="IOB1",
            prefixes="OBI",
            spelling=("I", "I", "I", "I"),
            is_b_separator=True,
            allowed=pair_table(["OBI>OI", "BI>B="]),
            rules=span_rules(start="OB>I I>I! BI>B=", inside="BI>I=", end="BI>O BI>I! I>B B>B="),
        ),
        Scheme(
            name="BIO",
            prefixes="OBI",
            spelling=("B", "I", "I", "B"),
            allowed=pair_table(["OBI>OB", "BI>I="]),
            rules=span_rules(start="OBI>B", inside="BI>I=", end="BI>OB BI>I!"),
        ),
        Scheme(
            name="BIOES",
            prefixes="OBIES",
            spelling=("B", "I", "E", "S"),
            allowed=pair_table(["OES>OBS", "BI>IE="]),
            rules=span_rules(start="*>BS", inside="BI>IE=", end="ES>*"),
        ),
        Scheme(
            name="BILOU",
            prefixes="OBILU",
            spelling=("B", "I", "L", "U"),
            allowed=pair_table(["OLU>OBU", "BI>IL="]),
            rules=span_rules(start="*>BU", inside="BI>IL=", end="LU>*"),
            reads_as={"L": "E", "U": "S"},
        ),
        Scheme(
            name="IO",
            prefixes="OI",
            spelling=("I", "I", "I", "I"),
            allowed=pair_table(["OI>OI"]),
            rules=span_rules(start="O>I I>I!", inside="I>I=", end="I>O I>I!"),
        ),
    )
}
_ALIASES = {"IOB2": "BIO", "IOBES": "BIOES"}

SCHEME_NAMES = tuple(_SCHEMES)
"""Names of the schemes, without aliases."""


def get_scheme(name: str) -> Scheme:
    """Return the scheme called `name`, in upper or lower case: IOB1, BIO (or IOB2), BIOES (or IOBES), BILOU, IO.

    Raises:
        ConfigError: the name is unknown.
    """
    upper = _ALIASES.get(name.upper(), name.upper())
    if upper in _SCHEMES:
        return _SCHEMES[upper]
    names = [*_SCHEMES, *_ALIASES]
    hint = did_you_mean(name.upper(), names, cutoff=0)
    raise ConfigError(f"scheme is {name!r}; expected one of {', '.join(names)}{hint}")


def convert_tags(tags: Sequence[str], *, source: str, target: str) -> list[str]:
    """Convert `tags` from the scheme `source` to the scheme `target`.

    Tags that break `source` are read leniently. In IO, adjacent spans with the same label become one.
    """
    return get_scheme(target).encode(get_scheme(source).spans(tags), n_steps=len(tags))
