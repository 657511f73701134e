"""Reviews as binary trees with a sentiment label at each node, from 0 (very negative) to 4 (very positive).

The score s(·) of a node, from -2 to 2, follows from its left and right child:

    negator   x        ->  -sign s(x)                     not brilliant: mildly negative; not awful: mildly positive
    intensifier x      ->  s(x) + sign s(x)               very good
    diminisher x       ->  sign s(x)                      slightly awful
    x  but y           ->  s(y), or s(x) where s(y) = 0   and so with: although x, y; y although x
    x  y               ->  s(x) + s(y)

all clipped to -2 … 2; the label is the score plus 2. Operators alone are neutral.
"""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from seqlab.data.sample.annotate import with_articles
from seqlab.data.sample.grammar import Branch, Grammar, Leaf

_HELD_OUT_SHARE = 0.4
_HIGHEST = 2


class Meaning(NamedTuple):
    """The score of a constituent, from -2 to 2, and its role: its effect on its sibling, or empty."""

    score: int
    role: str

    @property
    def label(self) -> str:
        """The score as a digit from 0 to 4."""
        return str(self.score + _HIGHEST)


def review_record(grammar: Grammar, random: Random) -> dict[str, object]:
    """Return a review with `tokens`, `tree` (Penn brackets), `segments` (its nodes in post-order) and `label` (the root).

    `structure` is seen or unseen: two fifths of the test split have a structure of negation that other splits never have.
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
    """Return the meaning of two siblings by the rules of this module."""
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
        case _, "although …":
            return Meaning(left.score or right.score, "")
        case (_, "but …") | ("although …", _):
            return Meaning(right.score or left.score, "")
        case _:
            return Meaning(_clip(left.score + right.score), "")


def _bracket(node: Leaf | Branch, words: Iterator[tuple[int, str]], segments: list[dict[str, object]]) -> tuple[str, Meaning]:
    """Return the brackets and the meaning of `node`; take its numbered `words`, and append its nodes to `segments`."""
    if isinstance(node, Leaf):
        is_valence = node.mark.lstrip("-").isdigit()
        meaning = Meaning(int(node.mark), "") if is_valence else Meaning(0, node.mark)
        # The words come from outside because articles and capitals change them after the grammar has drawn them.
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


def _clip(score: int) -> int:
    return max(-_HIGHEST, min(_HIGHEST, score))
