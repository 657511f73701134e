"""Pairs of claims, with entailment and relatedness.

A claim is about the degree of a quality that a thing has: not at all (0), somewhat (1) or very much (2). Each form of a claim
allows some degrees:

    is clever 1 2     is very clever 2     is not clever 0     is not very clever 0 1

A sentence makes one or two claims about one thing. Sentences about different things are neutral. About the same thing, they
contradict each other if no degree of some quality is allowed by both; the first entails the second if it allows no degree that
the second excludes; otherwise they are neutral. Relatedness, from 1 to 5, is 1 + 2 · (same thing) + 2 · (mean similarity of the
claims about each quality in either sentence).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import final

from seqlab.data.sample.annotate import with_articles
from seqlab.data.sample.grammar import Grammar

FORMS: Mapping[str, frozenset[int]] = {
    "": frozenset({1, 2}),
    "very": frozenset({2}),
    "not": frozenset({0}),
    "not very": frozenset({0, 1}),
}
"""Form of a claim -> degrees that it allows."""
ENTAILMENT, NEUTRAL, CONTRADICTION = "ENTAILMENT", "NEUTRAL", "CONTRADICTION"
_LABELS = (ENTAILMENT, NEUTRAL, CONTRADICTION)
_N_QUALITIES = 2
_DEGREES = frozenset({0, 1, 2})


@final
@dataclass(frozen=True)
class Sentence:
    """A thing, and quality -> form of the claim about it."""

    article: str
    thing: str
    claims: Mapping[str, str]

    def tree(self) -> str:
        """Return the sentence as a bracketed tree."""
        first, *others = [_phrase(quality, form) for quality, form in self.claims.items()]
        predicate = f"(AP {first} (CP (C and) {others[0]}))" if others else first
        article = with_articles([self.article, self.thing])[0]
        return f"(S (NP (D {article.capitalize()}) (N {self.thing})) (VP (V is) {predicate}))"

    def tokens(self) -> list[str]:
        """Return the words."""
        return [word.rstrip(")") for word in self.tree().split() if not word.startswith("(")]


def pair_record(grammar: Grammar, random: Random) -> dict[str, object]:
    """Return two sentences with `tokens` and `tree` each, `relatedness` and `entailment`."""
    wanted = _LABELS[int(random.random() * len(_LABELS))]
    # drawn until the relation is the wanted one, so that the three labels are equally likely
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
    """Return the relation of two sentences by the rules of this module."""
    if first.thing != second.thing:
        return NEUTRAL
    # a sentence without a claim about a quality allows all its degrees
    allowed = [(FORMS.get(first.claims.get(quality, "any"), _DEGREES), FORMS[form]) for quality, form in second.claims.items()]
    if any(not one & other for one, other in allowed):
        return CONTRADICTION
    return ENTAILMENT if all(one <= other for one, other in allowed) else NEUTRAL


def relatedness(first: Sentence, second: Sentence) -> float:
    """Return the relatedness of two sentences, from 1 to 5; symmetric."""
    qualities = first.claims.keys() | second.claims
    likeness = [_likeness(first.claims.get(quality), second.claims.get(quality)) for quality in sorted(qualities)]
    return 1 + 2 * (first.thing == second.thing) + 2 * sum(likeness) / len(likeness)


def _likeness(form: str | None, other: str | None) -> float:
    """Return the Jaccard similarity of the allowed degrees, at least 0.25; 0 if a claim is missing."""
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
    """Return the sentence with one or two random changes."""
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
    return next(grammar.draw(rule, random).leaves()).word


def _phrase(quality: str, form: str) -> str:
    phrase = f"(A {quality})"
    for word in reversed(form.split()):
        phrase = f"(AP (ADV {word}) {phrase})"
    return phrase
