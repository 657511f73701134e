"""Alignment of words with their text: character offsets, end exclusive."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Offsets: TypeAlias = list[list[int]]
"""``[start, end]`` of each word, in characters of the text."""


def align_words(
    text: str, words: Sequence[str], *, misc: Sequence[str], ranges: Mapping[int, tuple[int, str, str]]
) -> Offsets | None:
    """Return the offsets of each word in `text` by the spacing rules of CoNLL-U; None if words and text do not match.

    Args:
        text: The ``# text`` of the sentence.
        words: Forms of the words.
        misc: MISC of each word; ``SpaceAfter=No`` means that no space follows.
        ranges: Index of the first word of each multiword token -> (index after its last word, form, MISC). If its words
            concatenate to the form, each gets its own offsets; otherwise all get the offsets of the form.
    """
    offsets: Offsets = []
    position = 0
    for indices, form, form_misc in _surface_tokens(words, misc, ranges):
        if not text.startswith(form, position):
            return None
        if len(indices) == 1:
            offsets.append([position, position + len(form)])
        else:
            offsets += _within(form, [words[index] for index in indices], start=position)
        position += len(form)
        if position < len(text) and "SpaceAfter=No" not in form_misc:
            if not text[position].isspace():
                return None
            position = len(text) - len(text[position:].lstrip())  # one or more characters of white space
    return offsets if position == len(text) else None


def find_words(text: str, words: Sequence[str]) -> Offsets | None:
    """Return the offsets of each word in `text`; None if anything but white space lies between the words."""
    offsets: Offsets = []
    position = 0
    for word in words:
        start = text.find(word, position)
        if start < 0 or text[position:start].strip():
            return None
        position = start + len(word)
        offsets.append([start, position])
    return offsets if not text[position:].strip() else None


def _surface_tokens(
    words: Sequence[str], misc: Sequence[str], ranges: Mapping[int, tuple[int, str, str]]
) -> Iterator[tuple[range, str, str]]:
    index = 0
    while index < len(words):
        end, form, form_misc = ranges.get(index, (index + 1, words[index], misc[index]))
        yield range(index, end), form, form_misc
        index = end


def _within(form: str, words: list[str], *, start: int) -> Offsets:
    if "".join(words) != form:
        return [[start, start + len(form)] for _ in words]
    offsets = []
    for word in words:
        offsets.append([start, start + len(word)])
        start += len(word)
    return offsets
