"""`SampleReader`, which generates a corpus in place of reading one."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, TypeAlias, final

from datasets import Dataset, Features, List, Value

from seqlab.data.pairs import SECOND
from seqlab.data.readers.base import Reader, check_at_least
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
    """Generates a sample corpus.

    The same seed gives the same records on all machines, and a larger split begins with the records of a smaller one.

    Args:
        corpus: One of ``tags``, ``intents``, ``trees``, ``pairs`` and ``frames``.
        n_train: Records in the training split.
        n_val: Records in the validation split.
        n_test: Records in the test split.
        seed: Selects the records, 0 or more.

    Raises:
        ConfigError: the corpus is unknown, or a value is negative.
    """

    def __init__(self, *, corpus: str, n_train: int, n_val: int, n_test: int, seed: int) -> None:
        if corpus not in _CORPORA:
            raise ConfigError(f"corpus is {corpus!r}; expected one of {', '.join(_CORPORA)}")
        check_at_least(n_train=(n_train, 0), n_val=(n_val, 0), n_test=(n_test, 0), seed=(seed, 0))
        self.corpus, self.seed = corpus, seed
        self.sizes = {"train": n_train, "val": n_val, "test": n_test}

    def parse(self, path: Path, *, report: Report) -> Dataset:
        """Return the records of the split that `path` names; there is no file, so `report` gets no faults.

        Raises:
            DataError: `path` does not name a split.
        """
        split = known_split(str(path), corpus="the sample corpora")
        source, columns = _CORPORA[self.corpus]
        draw = source(Ownership(self.seed, split))
        # different splits of neighbouring seeds must not share a generator
        random = Random(self.seed * len(SPLITS) + SPLITS.index(split))
        records = [draw(random) for _ in range(self.sizes[split])]
        table: dict[str, list[object]] = {"id": [f"{self.corpus}-{split}-{i}" for i in range(len(records))]}
        table |= {name: [record[name] for record in records] for name in columns}
        return Dataset.from_dict(table, features=Features({"id": _STRING, **columns}))
