"""Regular English inflection for the sample grammars."""

from collections.abc import Mapping, Sequence

FORMS: Mapping[str, tuple[str, ...]] = {"nouns": ("singular", "plural"), "verbs": ("past", "base", "ing")}
"""The forms of each kind of word; the first is the default."""

_VOWELS = "aeiou"
_A_BEFORE_VOWEL = ("uni", "use", "one", "eu", "ur")
_AN_BEFORE_CONSONANT = ("hour", "honest", "honour")


def inflect(given: Sequence[str], kind: str) -> tuple[str, ...]:
    """Return all forms of a noun (singular[, plural]) or verb (base[, past[, -ing]]) in the order of `FORMS[kind]`.

    Forms that are missing or empty in `given` are regular.
    """
    base, second, third = (*given, "", "")[:3]
    if kind == "nouns":
        return base, second or _plural(base)
    return second or _past(base), base, third or _ing(base)


def indefinite_article(next_word: str) -> str:
    """Return "a" or "an"."""
    word = next_word.lower()
    if word.startswith(_A_BEFORE_VOWEL):
        return "a"
    return "an" if word[0] in _VOWELS or word.startswith(_AN_BEFORE_CONSONANT) else "a"


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
