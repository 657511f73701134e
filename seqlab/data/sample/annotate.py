"""Conversion of an expanded grammar to a record: tokens, parts of speech, BIO tags and chunks."""

from collections.abc import Sequence
from itertools import accumulate, compress, pairwise
from random import Random
from typing import NamedTuple

from seqlab.data.sample.grammar import Branch, Grammar, Leaf
from seqlab.data.sample.inflection import indefinite_article
from seqlab.data.schemes import get_scheme
from seqlab.types import Span

_BIO = get_scheme("BIO")
_LOWER_CASED_SHARE = 0.12
_UNPUNCTUATED_SHARE = 0.5


class Annotation(NamedTuple):
    """Words with their marks, and spans of entities and chunks."""

    leaves: list[Leaf]
    entities: list[Span]
    chunks: list[Span]

    def keeping(self, kept: Sequence[bool]) -> "Annotation":
        """Return the `kept` words with their spans; no span may lose a word."""
        at = list(accumulate(kept, initial=0))
        moved = [[Span(at[start], at[end], label) for start, end, label in spans] for spans in self[1:]]
        return Annotation(list(compress(self.leaves, kept)), *moved)


def sentence_record(grammar: Grammar, random: Random) -> dict[str, object]:
    """Return a sentence with `tokens`, `upos`, `tags`, `segments` (chunks) and its type as `label`."""
    label, annotation = annotate(grammar.draw("sentence", random))
    is_punctuated = random.random() >= _UNPUNCTUATED_SHARE
    leaves, entities, chunks = annotation.keeping(_kept(annotation.leaves, is_punctuated=is_punctuated))
    words = with_articles([leaf.word for leaf in leaves])
    words[0] = words[0][0].upper() + words[0][1:]
    if random.random() < _LOWER_CASED_SHARE:
        words = [word.lower() for word in words]
    return {
        "tokens": words,
        "upos": [leaf.mark for leaf in leaves],
        "tags": _BIO.encode(entities, n_steps=len(words)),
        "segments": [chunk._asdict() for chunk in chunks],
        "label": label,
    }


def utterance_record(grammar: Grammar, random: Random) -> dict[str, object]:
    """Return a lower-cased request with `tokens`, slot `tags` and its intent as `label`."""
    label, (leaves, slots, _) = annotate(grammar.draw("utterance", random))
    words = with_articles([leaf.word.lower() for leaf in leaves])
    return {"tokens": words, "tags": _BIO.encode(slots, n_steps=len(words)), "label": label}


def annotate(root: Branch) -> tuple[str, Annotation]:
    """Return the label of the outermost bracket, and the words with the spans of inner brackets."""
    (whole,) = root.children
    assert isinstance(whole, Branch)
    annotation = Annotation([], [], [])
    _collect(whole, annotation)
    return whole.label, annotation


def with_articles(words: list[str]) -> list[str]:
    """Return `words` with "an" for "a" before a vowel sound."""
    # "x" stands after the last word; it begins with no vowel.
    pairs = zip(words, [*words[1:], "x"], strict=True)
    return [indefinite_article(following) if word == "a" else word for word, following in pairs]


def _kept(leaves: list[Leaf], *, is_punctuated: bool) -> list[bool]:
    """Return whether to keep each word: drops commas before punctuation and, unless `is_punctuated`, the final mark."""
    return [*(left.word != "," or right.mark != "PUNCT" for left, right in pairwise(leaves)), is_punctuated]


def _collect(branch: Branch, annotation: Annotation) -> None:
    spans = {"{": annotation.entities, "[": annotation.chunks}
    for child in branch.children:
        if isinstance(child, Leaf):
            annotation.leaves.append(child)
            continue
        start = len(annotation.leaves)
        _collect(child, annotation)
        spans[child.kind].append(Span(start, len(annotation.leaves), child.label))
