"""Reviews as binary trees whose every node has a sentiment label, 0 (very negative) to 4 (very positive).

A node's score s(·) in -2 … 2 follows from its children, left and right:

    negator   x        ->  -sign s(x)                     not brilliant: mildly negative; not awful: mildly positive
    intensifier x      ->  s(x) + sign s(x)               very good
    diminisher x       ->  sign s(x)                      slightly awful
    x  but y           ->  s(y), or s(x) where s(y) = 0   and so with: although x, y; y although x
    x  y               ->  s(x) + s(y)

each clipped to -2 … 2; the label is the score plus 2. Operators are neutral by themselves.
"""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from seqlab.data.sample.annotate import with_articles
from seqlab.data.sample.grammar import Branch, Grammar, Leaf

_HELD_OUT_SHARE = 0.4
_HIGHEST = 2


class Meaning(NamedTuple):
    """A constituent's score in -2 … 2 and its role: empty, or what it does to its sibling."""

    score: int
    role: str

    @property
    def label(self) -> str:
        """The score as a digit from 0 to 4."""
        return str(self.score + _HIGHEST)


def review_record(grammar: Grammar, random: Random) -> dict[str, object]:
    """Return a review: `tokens`, `tree` (Penn brackets), its nodes as `segments` in post-order, the root's sentiment as `label`
    and `structure`: seen or unseen.

    In the test split, two fifths have a structure of negation that the other splits never show.
    """
    is_unseen = random.random() < _HELD_OUT_SHARE and grammar.ownership.split == "test"
    review = grammar.draw("unseen" if is_unseen else "review", random).children[0]
    assert isinstance(review, Branch)
    tokens = with_articles([leaf.word for leaf in review.leaves()])
    tokens[0] = tokens[0][0].upper() + tokens[0][1:]
    segments: list[dict[str, object]] = []
    tree, meaning = _bracket(review, iter(enumerate(tokens)), segments)
    structure = "unseen" if is_unseen else "seen"
    return {"tokens": tokens, "tree": tree, "segments": segments, "label": meaning.label, "structure": structure}


def compose(left: Meaning, right: Meaning) -> Meaning:
    """Return the meaning of two neighbours, by the rules at the top of this file."""
    sign = (right.score > 0) - (right.score < 0)
    match left.role, right.role:
        case "not", _:
            return Meaning(-sign, "")
        case "more", _:
            return Meaning(_clip(right.score + sign), "")
        case "less", _:
            return Meaning(sign, "")
        case (("but" | "although"), _):
            return Meaning(right.score, f"{left.role} …")
        case ",", _:
            return right
        case _, "but …":
            return Meaning(right.score or left.score, "")
        case _, "although …":
            return Meaning(left.score or right.score, "")
        case "although …", _:
            return Meaning(right.score or left.score, "")
        case _:
            return Meaning(_clip(left.score + right.score), "")


def _bracket(node: Leaf | Branch, words: Iterator[tuple[int, str]], segments: list[dict[str, object]]) -> tuple[str, Meaning]:
    """Return the brackets of `node`, which takes its own of the numbered `words`, and its meaning; add its nodes to
    `segments`.
    """
    if isinstance(node, Leaf):
        meaning = _word_meaning(node.mark)
        place, word = next(words)
        segments.append({"start": place, "end": place + 1, "label": meaning.label})
        return f"({meaning.label} {word})", meaning
    if len(node.children) == 1:
        return _bracket(node.children[0], words, segments)
    assert len(node.children) == 2, node
    first = len(segments)
    (left, left_meaning), (right, right_meaning) = (_bracket(child, words, segments) for child in node.children)
    meaning = compose(left_meaning, right_meaning)
    segments.append({"start": segments[first]["start"], "end": segments[-1]["end"], "label": meaning.label})
    return f"({meaning.label} {left} {right})", meaning


def _word_meaning(mark: str) -> Meaning:
    is_valence = mark.lstrip("-").isdigit()
    return Meaning(int(mark), "") if is_valence else Meaning(0, mark)


def _clip(score: int) -> int:
    return max(-_HIGHEST, min(_HIGHEST, score))
