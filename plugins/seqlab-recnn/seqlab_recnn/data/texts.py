"""Trees from strings, for an encoder without config."""

from collections.abc import Sequence

import numpy as np

from seqlab.data.columns import string_records
from seqlab.errors import DataError
from seqlab_recnn.data.fields import TreeField
from seqlab_recnn.data.forest import Forest
from seqlab_recnn.data.sources import BracketTrees
from seqlab_recnn.trees.brackets import parse_trees


def parse_forest(texts: Sequence[str], *, tree: TreeField | None = None) -> tuple[list[list[str]], Forest]:
    """Return the words of bracketed trees, and the trees as a batch for `TreeEncoder`.

    Args:
        texts: Trees in brackets, one a string, such as `(S (NP she) (VP sleeps))`.
        tree: The field of the encoder; None: `TreeField()`.

    Raises: DataError that names the string with a mistake.
    """
    field = TreeField() if tree is None else tree
    source = field.trees if isinstance(field.trees, BracketTrees) else BracketTrees()
    words = [_words(text, place=i) for i, text in enumerate(texts)]
    columns = string_records({source.column: texts, source.words: words})
    return words, field.encode(columns).collate(np.arange(len(texts)))


def _words(text: str, *, place: int) -> list[str]:
    faults: list[str] = []
    found = list(parse_trees(text, fault=lambda line, what: faults.append(what)))
    if faults or len(found) != 1:
        fault = faults[0] if faults else f"{len(found)} trees; expected one, as in (S (NP she) (VP sleeps))"
        raise DataError(f"string {place}, {text!r:.60}: {fault}")
    return found[0].words
