"""`SampleReader`, which generates a corpus in place of reading one."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import TypeAlias, final

from datasets import Dataset, Features, List, Value

from seqlab.data.readers.base import Reader, check_at_least
from seqlab.data.readers.source import Report
from seqlab.data.sample.annotate import sentence_record, utterance_record
from seqlab.data.sample.grammar import Grammar
from seqlab.data.sample.ownership import Ownership
from seqlab.data.sample.pairs import pair_record
from seqlab.data.sample.sentiment import review_record
from seqlab.data.sample.speech import Speech
from seqlab.data.sample.weather import weather_record
from seqlab.data.splits import SPLITS, known_split
from seqlab.errors import ConfigError

_Draw: TypeAlias = Callable[[Random], dict[str, object]]

_FEATURES = {
    **dict.fromkeys(("id", "label", "tree", "tree_2", "structure", "entailment"), Value("string")),
    **dict.fromkeys(("tokens", "tokens_2", "upos", "tags", "labels"), List(Value("string"))),
    "segments": List({"start": Value("int64"), "end": Value("int64"), "label": Value("string")}),
    "relatedness": Value("float32"),
    "frames": List(List(Value("float32"))),
}


def _from_grammar(record: Callable[[Grammar, Random], dict[str, object]], *files: str) -> Callable[[Ownership], _Draw]:
    return cache(lambda ownership: partial(record, Grammar.load(*files, ownership=ownership)))


_CORPORA: dict[str, tuple[Callable[[Ownership], _Draw], str]] = {
    "tags": (_from_grammar(sentence_record, "names", "sentences"), "tokens upos tags segments label"),
    "intents": (_from_grammar(utterance_record, "names", "utterances"), "tokens tags label"),
    "trees": (_from_grammar(review_record, "reviews"), "tokens tree segments label structure"),
    "pairs": (_from_grammar(pair_record, "reviews"), "tokens tokens_2 tree tree_2 relatedness entailment"),
    "frames": (lambda ownership: Speech(ownership).record, "frames labels"),
    "weather": (lambda _: weather_record, "frames tags"),
}
"""Corpus -> what draws its records, and their columns."""


@final
class SampleReader(Reader):
    """Generates a sample corpus.

    The same seed gives the same records on all machines, and a larger split begins with the records of a smaller one.

    Args:
        corpus: One of ``tags``, ``intents``, ``trees``, ``pairs``, ``frames`` and ``weather``.
        n_train: Records in the training split.
        n_val: Records in the validation split.
        n_test: Records in the test split.
        seed: Selects the records, 0 or more.

    Raises:
        ConfigError: the corpus is unknown, or a value is negative.
    """

    def __init__(
        self, *, corpus: str = "tags", n_train: int = 3_000, n_val: int = 500, n_test: int = 500, seed: int = 1
    ) -> None:
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
        source, names = _CORPORA[self.corpus]
        draw = source(Ownership(self.seed, split))
        # different splits of neighbouring seeds must not share a generator
        random = Random(self.seed * len(SPLITS) + SPLITS.index(split))
        records = [draw(random) for _ in range(self.sizes[split])]
        table: dict[str, list[object]] = {"id": [f"{self.corpus}-{split}-{i}" for i in range(len(records))]}
        table |= {name: [record[name] for record in records] for name in names.split()}
        # an empty split has no values to infer the types from
        return Dataset.from_dict(table, features=Features({name: _FEATURES[name] for name in table}))
