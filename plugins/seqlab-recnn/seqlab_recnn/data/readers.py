"""Readers of treebanks: files of brackets, and files of brackets beside files of something else."""

from collections.abc import Collection, Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any, final

import datasets

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Report, Source
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError
from seqlab_recnn.trees.brackets import BracketedTree, parse_trees, to_brackets
from seqlab_recnn.trees.penn import FUNCTIONS, cleaned

_COLUMNS = ("id", "line", "tokens", "tags", "tree", "label", "segments")


class _TreeFiles:
    """Trees of a file, cleaned as `functions` (keep, cut) and `roots` (labels of roots that are left out) say."""

    def __init__(self, *, functions: str, roots: Collection[str]) -> None:
        if functions not in FUNCTIONS:
            raise ConfigError(f"data.reader.functions is {functions!r}; expected one of {', '.join(FUNCTIONS)}")
        self._functions, self._roots = functions, frozenset(roots)

    def read(self, source: Source) -> list[BracketedTree]:
        found: list[BracketedTree] = []
        for tree in parse_trees("\n".join(source.lines()), fault=source.fault):
            clean = cleaned(tree, functions=self._functions, roots=self._roots)
            if clean is None:
                source.fault(tree.line, "the tree has no word but traces; expected at least one")
            else:
                found.append(clean)
        return found


@final
class BracketReader(Reader):
    """Reads trees in brackets, over as many lines as they take: the Penn Treebank's, or those with a label at every node.

    `functions` says what becomes of the functions in labels (`NP-SBJ`): keep or cut. A root with one child and a label in
    `roots` (empty for `( (S …))`) is left out, as are traces. Brackets within words may be written `-LRB-` and the like.

    Each record has `tokens`, `tree` (on one line), `tags` (labels of the leaves), `label` (that of the root) and `segments`
    (the inner nodes, from the first word below each to the one after the last).
    """

    def __init__(self, *, functions: str, roots: Collection[str]) -> None:
        self._files = _TreeFiles(functions=functions, roots=roots)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        trees = self._files.read(source)
        if not trees:
            source.fault(1, "the file holds no tree; expected brackets, as (S (NP she) (VP sleeps))")
        return records_from_columns(_columns(path, trees))


def _columns(path: Path, trees: Iterable[BracketedTree]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for i, found in enumerate(trees, 1):
        tree = found.tree
        inner = [
            (*span, label) for span, label, word in zip(tree.spans.tolist(), tree.labels, tree.words, strict=True) if word < 0
        ]
        by_word = sorted(zip(tree.words.tolist(), tree.labels, strict=True))
        values = {
            "id": f"{path.stem}-{i}",
            "line": found.line,
            "tokens": found.words,
            "tags": [label for word, label in by_word if word >= 0],
            "tree": to_brackets(tree, found.words),
            "label": tree.labels[-1],
            "segments": [{"start": start, "end": end, "label": label} for start, end, label in inner],
        }
        for name, value in values.items():
            columns[name].append(value)
    return columns


@final
class ParallelTreesReader(Reader):
    """What `reader` reads, with the column `tree` from a file of brackets beside it, which has `suffix` in place of its own.

    Tree k belongs to record k, and has its words.
    """

    def __init__(self, *, reader: Reader, suffix: str, functions: str, roots: Collection[str]) -> None:
        self._reader, self._suffix = reader, suffix
        self._files = _TreeFiles(functions=functions, roots=roots)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        records = self._reader.parse(path, report=report)
        source = Source(path.with_suffix(self._suffix), report=report)
        trees: list[str] = []
        kept: list[int] = []
        for row, (tree, tokens) in enumerate(zip_longest(self._files.read(source), records["tokens"])):
            if tree is None or tokens is None:
                there, missing = ("tree", "record") if tokens is None else ("record", "tree")
                source.fault(1 if tree is None else tree.line, f"{there} {row + 1} has no {missing}; expected as many of both")
                break
            if tree.words != tokens:
                source.fault(tree.line, f"tree {row + 1} is of {_shown(tree.words)}, record {row + 1} of {_shown(tokens)}")
                continue
            kept.append(row)
            trees.append(to_brackets(tree.tree, tree.words))
        return records.select(kept).add_column("tree", trees)

    def unread(self, path: Path) -> list[str]:
        return self._reader.unread(path)


def _shown(words: list[str]) -> str:
    return repr(" ".join(words))[:80]
