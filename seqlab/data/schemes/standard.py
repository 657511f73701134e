"""The standard schemes by name."""

from seqlab.data.schemes.rules import pair_table, span_rules
from seqlab.data.schemes.scheme import Scheme
from seqlab.errors import ConfigError, did_you_mean

# Each scheme: its prefixes; the prefixes of the first, inner and last step of a span, and of a span of one step; the allowed
# neighbours; and the neighbours that start a span, lie inside it and end it (see `rules`).
_SCHEMES = {
    name: Scheme(name, prefixes, encoding, pair_table(allowed), span_rules(*rules), is_b_separator=name == "IOB1")
    for name, prefixes, encoding, allowed, *rules in (
        ("IOB1", "OBI", "IIII", "OBI>OI BI>B=", "OB>I I>I! BI>B=", "BI>I=", "BI>O BI>I! I>B B>B="),
        ("BIO", "OBI", "BIIB", "OBI>OB BI>I=", "OBI>B", "BI>I=", "BI>OB BI>I!"),
        ("BIOES", "OBIES", "BIES", "OES>OBS BI>IE=", "*>BS", "BI>IE=", "ES>*"),
        ("BILOU", "OBILU", "BILU", "OLU>OBU BI>IL=", "*>BU", "BI>IL=", "LU>*"),
        ("IO", "OI", "IIII", "OI>OI", "O>I I>I!", "I>I=", "I>O I>I!"),
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
