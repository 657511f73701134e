"""Pairs of claims about one thing or two, with what follows from what.

A claim says of a thing how much of a quality it has: not at all (0), somewhat (1) or very much (2). Each way to put it leaves
some of these open, and that alone decides:

    is clever 1 2     is very clever 2     is not clever 0     is not very clever 0 1

A sentence claims one thing or two. The first entails the second where, about the same thing, everything that the first leaves
open is left open by the second; the two contradict each other where some quality is left nothing by both together; else they
are neutral. Relatedness, 1 to 5, is 1 + 2 (same thing) + 2 (mean likeness of the claims on each quality that is spoken of).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import final

from seqlab.data.sample.annotate import with_articles
from seqlab.data.sample.grammar import Branch, Grammar

FORMS: Mapping[str, frozenset[int]] = {
    "": frozenset({1, 2}),
    "very": frozenset({2}),
    "not": frozenset({0}),
    "not very": frozenset({0, 1}),
}
"""Ways to put a claim, and what each leaves open."""
ENTAILMENT, NEUTRAL, CONTRADICTION = "ENTAILMENT", "NEUTRAL", "CONTRADICTION"
_LABELS = (ENTAILMENT, NEUTRAL, CONTRADICTION)
_N_QUALITIES = 2


@final
@dataclass(frozen=True)
class Sentence:
    """A thing, and by quality the form of what is claimed of it."""

    article: str
    thing: str
    claims: Mapping[str, str]

    def tree(self) -> str:
        """Return the sentence in brackets."""
        first, *others = [_phrase(quality, form) for quality, form in self.claims.items()]
        predicate = f"(AP {first} (CP (C and) {others[0]}))" if others else first
        article = with_articles([self.article, self.thing])[0]
        return f"(S (NP (D {article.capitalize()}) (N {self.thing})) (VP (V is) {predicate}))"

    def tokens(self) -> list[str]:
        """Return the words."""
        return [word.rstrip(")") for word in self.tree().split() if not word.startswith("(")]


def pair_record(grammar: Grammar, random: Random) -> dict[str, object]:
    """Return two sentences, `tokens` and `tree` of either, with `relatedness` and `entailment`."""
    wanted = _LABELS[int(random.random() * len(_LABELS))]
    while True:
        first = _drawn(grammar, random)
        second = _changed(first, grammar, random)
        if relation(first, second) == wanted:
            break
    return {
        "tokens": first.tokens(),
        "tokens_2": second.tokens(),
        "tree": first.tree(),
        "tree_2": second.tree(),
        "relatedness": round(relatedness(first, second), 2),
        "entailment": wanted,
    }


def relation(first: Sentence, second: Sentence) -> str:
    """Return what the second sentence is to the first, by the rules at the top of this file."""
    if first.thing != second.thing:
        return NEUTRAL
    if any(not FORMS[first.claims[quality]] & FORMS[second.claims[quality]] for quality in first.claims.keys() & second.claims):
        return CONTRADICTION
    follows = all(
        quality in first.claims and FORMS[first.claims[quality]] <= FORMS[form] for quality, form in second.claims.items()
    )
    return ENTAILMENT if follows else NEUTRAL


def relatedness(first: Sentence, second: Sentence) -> float:
    """Return how much two sentences have to do with each other, from 1 to 5; the same whichever comes first."""
    qualities = first.claims.keys() | second.claims
    likeness = [_likeness(first.claims.get(quality), second.claims.get(quality)) for quality in sorted(qualities)]
    return 1 + 2 * (first.thing == second.thing) + 2 * sum(likeness) / len(likeness)


def _likeness(form: str | None, other: str | None) -> float:
    """Return the share of what two claims leave open that both do, a quarter at least; 0 where one is lacking."""
    if form is None or other is None:
        return 0.0
    one, two = FORMS[form], FORMS[other]
    return max(0.25, len(one & two) / len(one | two))


def _drawn(grammar: Grammar, random: Random) -> Sentence:
    n_claims = 1 + (random.random() < 0.5)
    claims: dict[str, str] = {}
    while len(claims) < n_claims:
        claims[_word(grammar, "valued", random)] = _form(random)
    return Sentence(_word(grammar, "article", random), _word(grammar, "topic", random), claims)


def _changed(sentence: Sentence, grammar: Grammar, random: Random) -> Sentence:
    """Return another sentence that shares some of its words, with up to two changes."""
    thing, claims = sentence.thing, dict(sentence.claims)
    for _ in range(1 + (random.random() < 0.4)):
        quality, chance = list(claims)[int(random.random() * len(claims))], random.random()
        if chance < 0.45:
            claims[quality] = _form(random)
        elif chance < 0.6 and len(claims) > 1:
            del claims[quality]
        elif chance < 0.75 and len(claims) < _N_QUALITIES:
            claims[_word(grammar, "valued", random)] = _form(random)
        elif chance < 0.85:
            claims = dict(reversed(claims.items()))
        elif chance < 0.95:
            thing = _word(grammar, "topic", random)
        else:
            claims = {_word(grammar, "valued", random): _form(random)}
    return Sentence(_word(grammar, "article", random), thing, claims)


def _form(random: Random) -> str:
    return list(FORMS)[int(random.random() * len(FORMS))]


def _word(grammar: Grammar, rule: str, random: Random) -> str:
    drawn: Branch = grammar.draw(rule, random)
    return next(drawn.leaves()).word


def _phrase(quality: str, form: str) -> str:
    phrase = f"(A {quality})"
    for word in reversed(form.split()):
        phrase = f"(AP (ADV {word}) {phrase})"
    return phrase
