"""`SampleReader`: a generated corpus behind the interface of a file reader."""

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, TypeAlias, final

from datasets import Dataset, Features, List, Value

from seqlab.data.pairs import SECOND
from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report
from seqlab.data.sample.annotate import sentence_record, utterance_record
from seqlab.data.sample.grammar import Grammar
from seqlab.data.sample.ownership import Ownership
from seqlab.data.sample.pairs import pair_record
from seqlab.data.sample.sentiment import review_record
from seqlab.data.sample.speech import Speech
from seqlab.data.splits import SPLITS, known_split
from seqlab.errors import ConfigError

_Draw: TypeAlias = Callable[[Random], dict[str, object]]
_Source: TypeAlias = Callable[[Ownership], _Draw]

_STRING, _STRINGS = Value("string"), List(Value("string"))
_CHUNKS = List({"start": Value("int64"), "end": Value("int64"), "label": _STRING})


def _grammatical(record: Callable[[Grammar, Random], dict[str, object]], *files: str) -> _Source:
    def source(ownership: Ownership) -> _Draw:
        grammar = Grammar.load(*files, ownership=ownership)
        return lambda random: record(grammar, random)

    return source


_CORPORA: dict[str, tuple[_Source, dict[str, Any]]] = {
    "tags": (
        _grammatical(sentence_record, "names", "sentences"),
        {"tokens": _STRINGS, "upos": _STRINGS, "tags": _STRINGS, "segments": _CHUNKS, "label": _STRING},
    ),
    "intents": (
        _grammatical(utterance_record, "names", "utterances"),
        {"tokens": _STRINGS, "tags": _STRINGS, "label": _STRING},
    ),
    "trees": (
        _grammatical(review_record, "reviews"),
        {"tokens": _STRINGS, "tree": _STRING, "segments": _CHUNKS, "label": _STRING, "structure": _STRING},
    ),
    "pairs": (
        _grammatical(pair_record, "reviews"),
        {
            **{f"{name}{side}": kind for name, kind in (("tokens", _STRINGS), ("tree", _STRING)) for side in ("", SECOND)},
            "relatedness": Value("float32"),
            "entailment": _STRING,
        },
    ),
    "frames": (
        lambda ownership: Speech(ownership).record,
        {"frames": List(List(Value("float32"))), "labels": _STRINGS},
    ),
}


@final
class SampleReader(Reader):
    """Generates the records of one sample corpus, the same ones on every machine for the same seed.

    `corpus` is tags, intents, trees, pairs or frames; `n_train`, `n_val` and `n_test` count records. A longer split begins
    with the records of a shorter one.

    Raises:
        ConfigError: An unknown corpus, or a negative size or seed.
    """

    def __init__(self, *, corpus: str, n_train: int, n_val: int, n_test: int, seed: int) -> None:
        if corpus not in _CORPORA:
            raise ConfigError(f"corpus is {corpus!r}; expected one of {', '.join(_CORPORA)}")
        for name, number in {"n_train": n_train, "n_val": n_val, "n_test": n_test, "seed": seed}.items():
            if number < 0:
                raise ConfigError(f"{name} is {number}; expected 0 or more: set data.reader.{name}")
        self.corpus = corpus
        self.sizes = {"train": n_train, "val": n_val, "test": n_test}
        self.seed = seed

    def parse(self, path: Path, *, report: Report) -> Dataset:
        """Return the split that `path` names: train, val or test; no file is read, so `report` hears nothing.

        Raises:
            DataError: Another name.
        """
        split = known_split(str(path), corpus="the sample corpora")
        source, columns = _CORPORA[self.corpus]
        records = islice(self._records(source, split), self.sizes[split])
        table: dict[str, list[object]] = {name: [] for name in ("id", *columns)}
        for i, record in enumerate(records):
            for name, value in {"id": f"{self.corpus}-{split}-{i}", **record}.items():
                table[name].append(value)
        return Dataset.from_dict(table, features=Features({"id": _STRING, **columns}))

    def _records(self, source: _Source, split: str) -> Iterable[dict[str, object]]:
        draw = source(Ownership(self.seed, split))
        random = Random(self.seed * len(SPLITS) + SPLITS.index(split))
        while True:
            yield draw(random)
