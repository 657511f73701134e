"""Views of words, such as shapes and affixes: pure functions from strings to strings."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TypeAlias

from seqlab.errors import ConfigError

View: TypeAlias = Callable[[str], str]

_SHAPE_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)
_DIGIT = re.compile(r"\d")
_LENGTH_BOUNDS = {4: "4", 6: "5-6", 9: "7-9", 14: "10-14"}


def get_view(name: str) -> View:
    """Return the view called `name`: one of VIEWS, or of AFFIX_VIEWS with a number of characters (``suffix:3``).

    Raises:
        ConfigError: the name is unknown.
    """
    if name in VIEWS:
        return VIEWS[name]
    kind, _, n_chars = name.partition(":")
    if kind in AFFIX_VIEWS and n_chars.isascii() and n_chars.isdigit() and int(n_chars) > 0:
        return partial(AFFIX_VIEWS[kind], n_chars=int(n_chars))
    known = [*VIEWS, *(f"{kind}:N (N = 1, 2, …)" for kind in AFFIX_VIEWS)]
    raise ConfigError(f"view is {name!r}; expected one of {', '.join(known)}")


def digits(word: str) -> str:
    """Return the word in lower case with 0 for each digit, so that years, for example, share one id."""
    return _DIGIT.sub("0", word.lower())


def shape(word: str) -> str:
    """Return X for upper case, x for lower case, o for other letters and d for digits, at most 3 in a row (``Xxxx-dd``)."""
    # runs are cut after the mapping, so that different letters of one kind count as a run
    return _shortened(word.translate(_SHAPES))


def case(word: str) -> str:
    """Return lower, title, upper or mixed; for a word without cased letters, digit or other.

    A single upper-case letter (``I``) is title.
    """
    # letters such as ǅ are neither upper nor lower case, but title case
    cased = [char for char in word if char.isupper() or char.islower() or char.istitle()]
    if not cased:
        return "digit" if _DIGIT.search(word) else "other"
    if all(map(str.islower, cased)):
        return "lower"
    if len(cased) > 1 and all(map(str.isupper, cased)):
        return "upper"
    is_title = word.istitle() or (not cased[0].islower() and all(map(str.islower, cased[1:])))
    return "title" if is_title else "mixed"


def length(word: str) -> str:
    """Return the number of characters: 0 to 4 exactly, then 5-6, 7-9, 10-14, 15+."""
    n_chars = len(word)
    if n_chars < min(_LENGTH_BOUNDS):
        return str(n_chars)
    return next((bucket for bound, bucket in _LENGTH_BOUNDS.items() if n_chars <= bound), "15+")


def prefix(word: str, *, n_chars: int) -> str:
    """Return the first characters of the word in lower case, or the whole word if it is shorter."""
    return word.lower()[:n_chars]


def suffix(word: str, *, n_chars: int) -> str:
    """Return the last characters of the word in lower case, or the whole word if it is shorter."""
    return word.lower()[-n_chars:]


@lru_cache(maxsize=1 << 16)  # many words have one shape
def _shortened(shape: str) -> str:
    return _SHAPE_RUN.sub(r"\1\1\1", shape)


class _Shapes(dict[int, str]):
    """The shape of each character by its code, computed when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _char_shape(chr(code))
        return found


_SHAPES = _Shapes()


def _char_shape(char: str) -> str:
    if char.isupper() or char.istitle():
        return "X"
    if char.islower():
        return "x"
    if _DIGIT.match(char):
        return "d"
    return "o" if char.isalpha() else char


VIEWS: Mapping[str, View] = {"identity": str} | {view.__name__: view for view in (str.lower, digits, shape, case, length)}
"""Views by name."""

AFFIX_VIEWS: Mapping[str, Callable[..., str]] = {"prefix": prefix, "suffix": suffix}
"""Views with a number of characters, such as ``prefix:3``."""
