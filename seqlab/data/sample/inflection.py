"""Regular English inflection for the sample grammars."""

from collections.abc import Callable, Mapping, Sequence

FORMS: Mapping[str, tuple[str, ...]] = {"nouns": ("singular", "plural"), "verbs": ("past", "base", "ing")}
"""The forms of each kind of word; the first is the default."""

_VOWELS = "aeiou"
_A_BEFORE_VOWEL = ("uni", "use", "one", "eu", "ur")
_AN_BEFORE_CONSONANT = ("hour", "honest", "honour")


def inflect(spellings: Sequence[str], kind: str) -> tuple[str, ...]:
    """Return all forms of a noun (singular[, plural]) or verb (base[, past[, -ing]]) in the order of `FORMS[kind]`."""
    if kind == "nouns":
        return spellings[0], _given(spellings, 1, _plural)
    return _given(spellings, 1, _past), spellings[0], _given(spellings, 2, _ing)


def indefinite_article(next_word: str) -> str:
    """Return "a" or "an"."""
    word = next_word.lower()
    if word.startswith(_A_BEFORE_VOWEL):
        return "a"
    return "an" if word[0] in _VOWELS or word.startswith(_AN_BEFORE_CONSONANT) else "a"


def _given(spellings: Sequence[str], position: int, rule: Callable[[str], str]) -> str:
    return spellings[position] if len(spellings) > position and spellings[position] else rule(spellings[0])


def _plural(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    return word[:-1] + "ies" if _ends_in_consonant_y(word) else word + "s"


def _past(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    return word[:-1] + "ied" if _ends_in_consonant_y(word) else word + "ed"


def _ing(word: str) -> str:
    return (word[:-1] if word.endswith("e") and not word.endswith("ee") else word) + "ing"


def _ends_in_consonant_y(word: str) -> bool:
    return word.endswith("y") and word[-2] not in _VOWELS
