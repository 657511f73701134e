"""Weighted grammars with bracketed annotation, and their random expansion.

A grammar file has rules: a header without indentation, then indented lines.

    noun_phrase:                    each line is one way to expand it
      3x the/DET <thing>            three times as likely as a line without a weight; word/MARK, or a bare word
      the/DET <thing@plural>        <rule>, or <rule@form> to choose the form of the words below it
      {PER! <first> <surname>}      an entity; with ! its surface form belongs to one split alone
      [NP the/DET <thing>]          a chunk
      (very (good indeed))          a constituent
    thing /NOUN nouns:              a list of words, all with one mark; nouns and verbs are inflected,
      boat city:cities              irregular forms follow after colons (a verb: base, past, -ing)
    town /PROPN names:              names: each split has its own inventory, apart from a shared part
      stem + suffix                 every concatenation of two earlier lists
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from random import Random
from typing import NamedTuple, TypeAlias, final

from seqlab.data.sample.inflection import FORMS, inflect
from seqlab.data.sample.ownership import Ownership

_HEADER = re.compile(r"(?P<name>\w+)(?: /(?P<mark>\S+))?(?: (?P<kind>nouns|verbs|names))?:")
_WEIGHT = re.compile(r"(\d+)x(?: |$)")
_OPENING = {"(": ")", "[": "]", "{": "}"}


class Leaf(NamedTuple):
    """A word and its mark: a part of speech, or its effect on sentiment."""

    word: str
    mark: str


@final
@dataclass(frozen=True)
class Branch:
    """Annotated children; `kind` is the opening bracket in the grammar."""

    kind: str
    label: str
    children: "tuple[Leaf | Branch, ...]"

    def leaves(self) -> Iterator[Leaf]:
        """Yield the words of the branch, left to right."""
        for child in self.children:
            if isinstance(child, Leaf):
                yield child
            else:
                yield from child.leaves()


class _Reference(NamedTuple):
    rule: str
    form: str | None


@dataclass(frozen=True)
class _Group:
    kind: str
    label: str
    is_owned: bool
    items: "_Items"


_Items: TypeAlias = tuple["Leaf | _Reference | _Group", ...]
_Rule: TypeAlias = dict[str, list[_Items]]


@final
@dataclass(frozen=True)
class Grammar:
    """Rules by name (each: form of the words -> equally likely expansions) with the names of one split."""

    rules: dict[str, _Rule]
    ownership: Ownership

    @classmethod
    def load(cls, *names: str, ownership: Ownership) -> "Grammar":
        """Load the files `names` of this package as one grammar."""
        rules: dict[str, _Rule] = {}
        for name in names:
            for header, lines in _sections((files(__package__) / f"{name}.txt").read_text(encoding="utf-8")):
                rules[header["name"]] = _rule(header, lines, rules, ownership)
        return cls(rules, ownership)

    def draw(self, start: str, random: Random) -> Branch:
        """Return one random expansion of the rule `start`."""
        return Branch("", start, tuple(self._expand((_Reference(start, None),), None, random)))

    def _expand(self, items: _Items, form: str | None, random: Random) -> Iterator[Leaf | Branch]:
        for item in items:
            if isinstance(item, Leaf):
                yield item
            elif isinstance(item, _Reference):
                wanted = item.form or form
                rule = self.rules[item.rule]
                # a rule without forms has one list of choices, and the first form is the default
                choices = rule.get(wanted or "", next(iter(rule.values())))
                # `random.random` alone is guaranteed to give the same numbers in every version of Python; `choice` is not
                yield from self._expand(choices[int(random.random() * len(choices))], wanted, random)
            else:
                yield self._branch(item, form, random)

    def _branch(self, group: _Group, form: str | None, random: Random) -> Branch:
        while True:  # names are drawn until one belongs to the split
            branch = Branch(group.kind, group.label, tuple(self._expand(group.items, form, random)))
            if not group.is_owned or self.ownership.owns(" ".join(leaf.word for leaf in branch.leaves())):
                return branch


def _sections(text: str) -> Iterator[tuple[re.Match[str], list[str]]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    starts = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    for start, end in pairwise([*starts, len(lines)]):
        header = _HEADER.fullmatch(lines[start])
        assert header, lines[start]
        yield header, [line.strip() for line in lines[start + 1 : end]]


def _rule(header: re.Match[str], lines: list[str], rules: dict[str, _Rule], ownership: Ownership) -> _Rule:
    mark, kind = header["mark"], header["kind"]
    if mark is None:
        return {"": [items for line in lines for items in _productions(line)]}
    words = [word for line in lines for word in _words(line, rules)]
    if kind == "names":
        words = [word for word in words if ownership.may_use(word)]
    if kind not in FORMS:
        return {"": [(Leaf(word, mark),) for word in words]}
    inflected = [inflect(word.split(":"), kind) for word in words]
    return {form: [(Leaf(forms[i], mark),) for forms in inflected] for i, form in enumerate(FORMS[kind])}


def _words(line: str, rules: dict[str, _Rule]) -> list[str]:
    if " + " not in line:
        return line.split()
    lists = (rules[name][""] for name in line.split(" + "))
    stems, suffixes = ([leaf.word for (leaf,) in words if isinstance(leaf, Leaf)] for words in lists)
    # a doubled letter looks wrong
    return [stem + suffix for stem in stems for suffix in suffixes if stem[-1] != suffix[0]]


def _productions(line: str) -> list[_Items]:
    weight = _WEIGHT.match(line)
    symbols = re.findall(r"\(|[\[{]\w+!?|[)\]}]|[^\s()\[\]{}]+", line[weight.end() :] if weight else line)
    items = _items(iter(symbols), None)
    return [items] * (int(weight[1]) if weight else 1)


def _items(symbols: Iterator[str], closing: str | None) -> _Items:
    items: list[Leaf | _Reference | _Group] = []
    for symbol in symbols:
        if symbol == closing:
            return tuple(items)
        if symbol[0] in _OPENING:
            label = symbol[1:].rstrip("!")
            items.append(_Group(symbol[0], label, symbol.endswith("!"), _items(symbols, _OPENING[symbol[0]])))
        elif symbol[0] == "<":
            name, _, form = symbol[1:-1].partition("@")
            items.append(_Reference(name, form or None))
        else:
            word, _, mark = symbol.rpartition("/")
            items.append(Leaf(word, mark) if word else Leaf(symbol, ""))
    assert closing is None, f"a line lacks {closing!r}"
    return tuple(items)
