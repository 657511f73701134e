"""Readers for treebanks: bracketed trees alone, or next to files in another format."""

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

ROOTS = ("", "ROOT", "TOP", "S1")
"""Labels of roots that treebanks put above the sentence."""
_COLUMNS = ("id", "line", "tokens", "tags", "tree", "label", "segments")


class _TreeFiles:
    """Reads and cleans the trees of a file; for `functions` and `roots` see `BracketReader`."""

    def __init__(self, *, functions: str, roots: Collection[str]) -> None:
        if functions not in FUNCTIONS:
            raise ConfigError(f"data.reader.functions is {functions!r}; expected one of {', '.join(FUNCTIONS)}")
        self._functions, self._roots = functions, frozenset(roots)

    def read(self, source: Source) -> list[BracketedTree]:
        found: list[BracketedTree] = []
        for tree in parse_trees("\n".join(source.lines()), fault=source.fault):
            clean = cleaned(tree, functions=self._functions, roots=self._roots)
            if clean is None:
                source.fault(tree.line, "the tree has only traces; expected at least one word")
            else:
                found.append(clean)
        return found


@final
class BracketReader(Reader):
    """Reads bracketed trees that may span several lines, such as those of the Penn Treebank or a sentiment treebank.

    Each record has `tokens`, `tree` (on one line), `tags` (the labels of the leaves), `label` (the label of the root) and
    `segments` (the label of each inner node and the words that it covers). Traces are removed, and escaped brackets in words
    (`-LRB-`) are restored.

    Args:
        functions: Whether to `keep` or `cut` the functions in labels (`NP-SBJ`).
        roots: Labels of roots to remove if they have a single child; the empty label stands for `( (S …))`.
    """

    def __init__(self, *, functions: str = "cut", roots: Collection[str] = ROOTS) -> None:
        self._files = _TreeFiles(functions=functions, roots=roots)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        trees = self._files.read(source)
        if not trees:
            source.fault(1, "the file has no tree; expected brackets, as in (S (NP she) (VP sleeps))")
        return records_from_columns(_columns(path, trees))


def _columns(path: Path, trees: Iterable[BracketedTree]) -> dict[str, list[Any]]:
    records = [_record(f"{path.stem}-{i}", found) for i, found in enumerate(trees, 1)]
    return {name: [record[name] for record in records] for name in _COLUMNS}


def _record(name: str, found: BracketedTree) -> dict[str, Any]:
    tree = found.tree
    nodes = list(zip(tree.words.tolist(), tree.labels, tree.spans.tolist(), strict=True))
    return {
        "id": name,
        "line": found.line,
        "tokens": found.words,
        "tags": [label for word, label, _ in sorted(nodes) if word >= 0],
        "tree": to_brackets(tree, found.words),
        "label": tree.labels[-1],
        "segments": [{"start": start, "end": end, "label": label} for word, label, (start, end) in nodes if word < 0],
    }


@final
class ParallelTreesReader(Reader):
    """Adds a column `tree` to the records of another reader. Tree k of the second file belongs to record k.

    Args:
        reader: Reads the records.
        suffix: Suffix of the file with the trees, which otherwise has the same name.
        functions: Whether to `keep` or `cut` the functions in labels (`NP-SBJ`).
        roots: Labels of roots to remove if they have a single child.
    """

    def __init__(self, *, reader: Reader, suffix: str = ".ptb", functions: str = "cut", roots: Collection[str] = ROOTS) -> None:
        self._reader, self._suffix = reader, suffix
        self._files = _TreeFiles(functions=functions, roots=roots)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        records = self._reader.parse(path, report=report)
        source = Source(path.with_suffix(self._suffix), report=report)
        trees: list[str] = []
        kept: list[int] = []
        for row, (tree, tokens) in enumerate(zip_longest(self._files.read(source), records["tokens"])):
            if tree is None or tokens is None:
                present, missing = ("tree", "record") if tokens is None else ("record", "tree")
                source.fault(
                    1 if tree is None else tree.line, f"{present} {row + 1} has no {missing}; expected one tree per record"
                )
                break
            if tree.words != tokens:
                theirs, ours = (repr(" ".join(words))[:80] for words in (tree.words, tokens))
                source.fault(tree.line, f"tree {row + 1} has the words {theirs}, but record {row + 1} has {ours}")
                continue
            kept.append(row)
            trees.append(to_brackets(tree.tree, tree.words))
        return records.select(kept).add_column("tree", trees)

    def unread(self, path: Path) -> list[str]:
        return self._reader.unread(path)
