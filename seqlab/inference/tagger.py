"""`Tagger`: label raw text, tokens or records with a trained model."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, final

import datasets
import numpy as np
import torch

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.batching import sorted_batches
from seqlab.data.fields import Field
from seqlab.data.pairs import SECOND
from seqlab.data.records import STEP_COLUMNS, records_from_columns
from seqlab.errors import DataError
from seqlab.inference.given import Input, check_kinds, read_input
from seqlab.inference.min_precision import MinPrecision
from seqlab.inference.records import TaggedRecord
from seqlab.inference.vectors.encode import EncodedRecord, encode
from seqlab.model.bundle import Bundle, load_bundle
from seqlab.model.labeler import Labeler
from seqlab.runs.find_model import find_bundle
from seqlab.types import Prediction

_PLACE = ("id", "line")
"""Columns that name a record in messages."""
MAX_TOKENS = 4096
"""Steps of a prediction batch: the CPU is fastest near this size, and larger batches gain nothing."""


N_STREAMED = 1_000
"""Records that a stream holds at a time: batches of similar lengths need many to choose from."""


@final
class Tagger:
    """A loaded model; several threads may call its methods at once.

    `heads` are the names of its heads, `columns` the columns that it reads, `encoder_columns` those that its encoder reads, and
    `layers` how the labels of each head lie over a record.

    Args:
        bundle: The model with its fields and facts, as `load_bundle` returns it; `Tagger.load` reads it from a folder.
    """

    def __init__(self, bundle: Bundle) -> None:
        heads = bundle.labeler.heads
        # Labels are read in training only, unless the encoder reads them, too.
        targets = {head.target.key for head in heads.values()}
        self.bundle = bundle
        self.heads = list(heads)
        self.encoder_columns = _columns(field for field in bundle.fields if field.key in bundle.encoder_keys)
        read = _columns(field for field in bundle.fields if field.key not in targets or field.key in bundle.encoder_keys)
        seconds = {f"{name}{SECOND}" for name in self.encoder_columns if bundle.fields.of_pairs}
        self.columns = sorted({*read, *seconds})
        for name, head in heads.items():
            head.use_data(bundle.facts.get("data") or {}, name=name)
        self.layers = bundle.labeler.layers()

    @classmethod
    def load(cls, path: str | Path, *, allow: Sequence[str] = ()) -> "Tagger":
        """Return the model in a run folder or a bundle folder.

        `allow` names classes of the model that no installed plugin brings, as in `my_file.MyEncoder`. They are imported, from
        the working folder if they are there, so name only classes that you trust.

        Raises:
            BundleError: there is no model, or it cannot be loaded.
            ConfigError: a class in `allow` is missing, or not a part of a model.
        """
        return cls(load_bundle(find_bundle(Path(path)), allow=allow))

    def predict(
        self,
        inputs: Sequence[Input] | Input,
        *,
        n_best: int = 0,
        use_entropy: bool = False,
        min_precision: float | None = None,
        lines: Sequence[int] | None = None,
    ) -> list[TaggedRecord]:
        """Return each input labelled, in order; with the `n_best` most probable answers of each head that ranks them.

        With `use_entropy` predictions have the entropy of their head's distribution over all answers, in nats. It shows which
        records are worth annotating next, and grows with their length.

        With `min_precision` only the spans that are confident enough for it on the validation records are kept
        (`MinPrecision`); steps outside them are tagged `O`, and segments that were given are labelled `_`.

        A string is tokenised and keeps its character offsets; a list is tokens; a mapping is a record with `text` or
        `tokens` (with `offsets` into the text, where it has all three) and the other columns that the model reads. Messages
        call it by its `id`, where all have one, and by its line of a file, where `lines` has that of each. One text or mapping
        instead of a list of them is a list of one.

        Raises:
            DataError: an input of another type, or a record without a column that the model reads.
            ConfigError, BundleError: as `MinPrecision`.
        """
        records = _read(inputs)
        if not records:
            return []
        asked = self._records(records, columns=self.columns, lines=lines)
        predictions = self.predict_records(asked, n_best=n_best, use_entropy=use_entropy, min_precision=min_precision)
        rows = [dict(zip(predictions, row, strict=True)) for row in zip(*predictions.values(), strict=True)]
        # the labels of frames have no places in a text
        has_words = not set(STEP_COLUMNS).isdisjoint(self.columns)
        words = [[record.get(name) if has_words else None for name in ("tokens", "text", "offsets")] for record in records]
        return [
            TaggedRecord(tokens or [], row, self.layers, text, offsets)
            for (tokens, text, offsets), row in zip(words, rows, strict=True)
        ]

    def stream(self, inputs: Iterable[Input] | Input, *, n_records: int = N_STREAMED, **options: Any) -> Iterator[TaggedRecord]:
        """Yield each input labelled, in order, holding `n_records` of them at a time; `options` are those of `predict`.

        Raises: DataError and ConfigError as `predict` does, when the input concerned is reached.
        """
        source = iter(_listed(inputs))
        while some := list(islice(source, n_records)):
            yield from self.predict(some, **options)

    def encode(self, inputs: Sequence[Input] | Input, *, use_steps: bool = False) -> list[EncodedRecord]:
        """Return each input as vectors, in order: the encoder's summary and, with `use_steps`, each of its steps.

        Steps are words or the nodes of a tree, and come with the labels of the heads that label steps. Inputs are those of
        `predict`, and need only the columns `encoder_columns`.

        Raises: DataError as `predict` does; ConfigError without `use_steps` where the encoder gives no summary.
        """
        records = _read(inputs)
        if not records:
            return []
        encoded = self.bundle.fields.encode(self._records(records, columns=self.encoder_columns))
        tokens = [list(record.get("tokens", [])) for record in records]
        return encode(self.bundle.labeler, encoded, tokens=tokens, max_tokens=MAX_TOKENS, use_steps=use_steps)

    def batch(self, inputs: Sequence[Input] | Input) -> Batch:
        """Return the inputs of `predict` as the batch that the model reads.

        Raises: DataError as `predict` does.
        """
        encoded = self.bundle.fields.encode(self._records(_read(inputs), columns=self.columns))
        return encoded.batch(np.arange(len(encoded)))

    def predict_records(
        self,
        records: datasets.Dataset,
        *,
        n_best: int = 0,
        use_entropy: bool = False,
        min_precision: float | None = None,
    ) -> dict[str, list[Prediction]]:
        """Return each head's prediction for every record, in their order; settings as in `predict`.

        Raises:
            DataError: the records lack a column that the model reads.
            ConfigError, BundleError: as `MinPrecision`.
        """
        limit = None if min_precision is None else self.min_precision(min_precision)
        self._check_columns(records)
        # Other columns may be large, and encoding would carry them along; those that name a record stay for messages.
        read = [name for name in records.column_names if name in {*self.columns, *_PLACE}]
        encoded = self.bundle.fields.encode(records if read == records.column_names else records.select_columns(read))
        found = predict(self.bundle.labeler, encoded, max_tokens=MAX_TOKENS, n_best=n_best, use_entropy=use_entropy)
        kept = limit.keep(found) if limit else found
        return {name: list(self.bundle.labeler.heads[name].written(rows)) for name, rows in kept.items()}

    def min_precision(self, value: float) -> MinPrecision:
        """Return the filter that keeps spans of a precision of `value`, with its thresholds by head and type.

        Raises: ConfigError, BundleError as `MinPrecision`.
        """
        return MinPrecision(self.bundle, value)

    def evaluate(
        self, records: datasets.Dataset, *, heads: Collection[str] | None = None, min_precision: float | None = None
    ) -> dict[str, Any]:
        """Return the nested scores of the records, as in a run's `metrics.json`: by head where the model has several.

        `heads` are the names of the heads to score; None: all whose column is there.

        With `min_precision` the scores of each head that finds spans have the key `min_precision`: the scores of the spans kept
        (`MinPrecision.score`). The other scores are of all spans.

        Raises:
            DataError: the records lack a column that the model reads, or the columns of all heads.
            ConfigError, BundleError: as `MinPrecision`.
        """
        limit = None if min_precision is None else self.min_precision(min_precision)
        asked = {n: h for n, h in self.bundle.labeler.heads.items() if heads is None or n in heads}
        self._check_columns(records)
        targets = {head.target.key for head in self.bundle.labeler.heads.values()}
        # Targets of heads that are not scored may be missing from the records.
        encoded = self.bundle.fields.encode(records, without=frozenset(targets - {h.target.key for h in asked.values()}))
        scored = {n: h for n, h in asked.items() if h.target.column in encoded.columns}
        if not scored:
            wanted = ", ".join(repr(head.target.column) for head in asked.values())
            has = ", ".join(records.column_names)
            raise DataError(f"the records have none of the columns that the heads learned ({wanted}), but {has}")
        if self.bundle.labeler.encoder.keeps_steps:
            for head in scored.values():
                head.check_records(encoded, split="the data", is_taught=False)
        predictions = predict(self.bundle.labeler, encoded, max_tokens=MAX_TOKENS, heads=list(asked))
        scores = {n: head.score(head.gold(encoded.columns), predictions[n]) for n, head in scored.items()}
        if limit:
            for n in scored.keys() & limit.thresholds.keys():
                scores[n]["min_precision"] = limit.score(n, predictions[n], columns=encoded.columns)
        return next(iter(scores.values())) if len(self.heads) == 1 else scores

    def _check_columns(self, records: datasets.Dataset) -> None:
        has = records.column_names
        if missing := [name for name in self.columns if name not in has]:
            raise DataError(f"the records have no column {missing[0]!r}, which the model reads; they have {', '.join(has)}")

    def _records(
        self, records: Sequence[Mapping[str, Any]], *, columns: Sequence[str], lines: Sequence[int] | None = None
    ) -> datasets.Dataset:
        place: dict[str, list[Any]] = {}
        # Only if every record has one: a column needs a value in each row.
        if all(isinstance(record.get("id"), str | int) for record in records):
            place["id"] = [str(record["id"]) for record in records]
        if lines is not None:
            place["line"] = list(lines)
        found = {name: _column(name, records, needed=columns) for name in columns}
        try:
            return records_from_columns(place | found)
        except DataError:
            for record in records:  # to name the value at fault
                check_kinds(record, columns)
            raise


def _columns(fields: Iterable[Field]) -> list[str]:
    return sorted({column for field in fields for column in field.columns})


def _read(inputs: Iterable[Input] | Input) -> list[Mapping[str, Any]]:
    return [read_input(item) for item in _listed(inputs)]


def _listed(inputs: Iterable[Input] | Input) -> Iterable[Input]:
    """Return a single text or record in a list: a string is a sequence of strings, and its characters would be tagged."""
    return [inputs] if isinstance(inputs, str | Mapping) else inputs


def _column(name: str, records: Sequence[Mapping[str, Any]], *, needed: Sequence[str]) -> list[Any]:
    try:
        return [record[name] for record in records]
    except KeyError:
        row = next(i for i, record in enumerate(records) if name not in record)
        reads = ", ".join(map(repr, needed))
        raise DataError(f"input {row} has no {name!r}; the model reads {reads}; give a mapping with these") from None


@torch.inference_mode()
def predict(
    labeler: Labeler,
    records: EncodedRecords,
    *,
    max_tokens: int,
    use_confidences: bool = True,
    n_best: int = 0,
    use_entropy: bool = False,
    heads: Sequence[str] | None = None,
) -> dict[str, list[Prediction]]:
    """Return each head's prediction for every record, in their order; batches of similar lengths keep it fast."""
    labeler.eval()
    device = next(chain(labeler.parameters(), labeler.buffers())).device  # what is counted has buffers alone
    batches = sorted_batches(records.sizes, max_tokens=max_tokens)
    ask = partial(labeler.predict, use_confidences=use_confidences, n_best=n_best, use_entropy=use_entropy, heads=heads)
    outputs = [ask(records.batch(rows).to(device)) for rows in batches]
    # Batches are sorted by length; this restores the order of the input.
    back = np.argsort(np.concatenate(batches), kind="stable").tolist() if batches else []
    flat = {name: [p for output in outputs for p in output[name]] for name in (labeler.heads if heads is None else heads)}
    return {name: [items[i] for i in back] for name, items in flat.items()}
