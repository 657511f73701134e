"""Data sets of the Hugging Face hub, and local folders that `datasets` can load."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.column_check import check_columns
from seqlab.data.readers.source import Report, Source
from seqlab.data.readers.tags import TagConverter
from seqlab.data.readers.text import check_has_text, named_columns, text_columns
from seqlab.data.readers.values import check_lengths, checked, shown
from seqlab.data.records import STRING_COLUMNS, standard_features
from seqlab.errors import DataError, SeqlabError, shortened

_CHECKED = ("label", *standard_features())
COLUMNS = MappingProxyType({"tokens": "tokens", "tags": "tags"})


@final
class HubReader(Reader):
    """Reads splits of a data set from the hub or a local folder.

    Class labels become their names, and a `text` without `tokens` is tokenized. A local folder is read without network
    access. Code of data sets is never run.

    Args:
        name: Name of the data set on the hub (``owner/name``), or a local folder.
        config_name: Configuration of the data set; None if it has only one.
        revision: Commit, tag or branch on the hub; None: the newest.
        columns: Record column -> column of the data set (null: none); must have ``tokens``, ``text`` or
            ``frames``.
        scheme: Span scheme of the tags in the data set, checked while reading; None: no check.
        target_scheme: Span scheme to convert the tags to; None: no conversion.
        repair: Whether records that break `scheme` are read leniently, as seqeval does, and encoded again; False: refused.
        check_columns: Whether to refuse tokens and tags that look as if they were in other columns: tags as varied as words,
            tags equal to the tokens, and columns that count 1, 2, 3.

    Raises:
        ConfigError: `columns` has none of ``tokens``, ``text`` and ``frames``, or a scheme is unknown.
    """

    def __init__(
        self,
        name: str,
        *,
        config_name: str | None = None,
        revision: str | None = None,
        columns: Mapping[str, str | None] = COLUMNS,
        scheme: str | None = None,
        target_scheme: str | None = None,
        repair: bool = False,
        check_columns: bool = True,
    ) -> None:
        self._columns = named_columns(columns)
        check_has_text(self._columns, others=["frames"])
        self._converter = TagConverter(scheme=scheme, target_scheme=target_scheme, repair=repair)
        self._name = name
        self._config_name = config_name
        self._revision = revision
        self._checks_columns = check_columns

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        """Return the records of the split called `path` (``train``, ``test[:100]``); a wrong value is always raised."""
        split = str(path)
        try:
            return self._records(split, report=report)
        except SeqlabError:
            raise
        except Exception as error:  # `datasets` and Arrow raise anything at damaged files
            reason = shortened(str(error) or type(error).__name__)
            raise DataError(f"{self._name}: cannot load split {split!r}: {reason}; check data.name and data.splits") from error

    def _records(self, split: str, *, report: Report) -> datasets.Dataset:
        data = self._load(split)
        missing = [column for column in self._columns.values() if column not in data.column_names]
        if missing:
            raise DataError(f"{self._name}: no column {missing[0]!r} among {data.column_names}; set data.reader.columns")
        data = data.select_columns(list(self._columns.values()))
        columns = self._columns
        classes = {name: found for name, column in columns.items() if (found := _class_names(data.features[column]))}

        def convert(batch: Mapping[str, list[Any]], indices: list[int]) -> dict[str, list[Any]]:
            rows = zip(indices, zip(*(batch[column] for column in columns.values()), strict=True), strict=True)
            records = []
            for index, row in rows:
                try:
                    records.append(_record(dict(zip(columns, row, strict=True)), keys=columns, classes=classes))
                except DataError as error:
                    raise DataError(f"{self._name}: split {split!r}, record {index + 1}: {error}") from error
                records[-1].setdefault("id", f"{split}-{index + 1}")
            return {name: [record[name] for record in records] for name in self._names()}

        # the features are given, because `map` infers types from the first batch, which may hold only nulls
        arguments = {"remove_columns": data.column_names, "features": self._features(data.features)}
        records = data.map(convert, batched=True, with_indices=True, desc=f"reading {split}", **arguments)
        source = Source(Path(self._name) / split, report=report)
        # a split without labels has nulls, which the check cannot compare
        if self._checks_columns and not any(records.data.column(name).null_count for name in records.column_names):
            check_columns(records, source, setting="columns", columns=columns)
        return self._converter.converted_data(records, source=source)

    def _load(self, split: str) -> datasets.Dataset:
        folder = Path(self._name).expanduser()
        # the first two are formats of `save_to_disk`, which `load_dataset` refuses
        if (folder / "dataset_dict.json").exists():
            return datasets.load_from_disk(str(folder))[split]
        if (folder / "state.json").exists():
            return datasets.load_from_disk(str(folder))
        if folder.is_dir():
            with _offline():
                return datasets.load_dataset(str(folder), self._config_name, split=split)
        if self._name.startswith(("/", ".", "~")):  # `datasets` would look for a mistyped path on the hub
            raise FileNotFoundError("no such folder")
        return datasets.load_dataset(self._name, self._config_name, split=split, revision=self._revision)

    def _names(self) -> list[str]:
        # a mapping keeps the order, and drops an id that is listed twice
        is_tokenized = "text" in self._columns and "tokens" not in self._columns
        made = ["tokens", "offsets"] if is_tokenized else []
        return list(dict.fromkeys(["id", *self._columns, *made]))

    def _features(self, given: datasets.Features) -> datasets.Features:
        others = {name: _named(given[column]) for name, column in self._columns.items()}
        return datasets.Features({name: standard_features().get(name) or others[name] for name in self._names()})


def _record(given: Mapping[str, Any], *, keys: Mapping[str, str], classes: Mapping[str, datasets.ClassLabel]) -> dict[str, Any]:
    """Return the columns of a record; a text without tokens is tokenized.

    Raises:
        DataError: a value has another type than its column, or step columns differ in length.
    """
    record = {}
    for name, value in given.items():
        # a test split may have no labels
        if value is not None and name in classes:
            value = _with_names(value, classes[name], key=keys[name])
        # tags may be numbers without names, labels may be scores
        if name in STRING_COLUMNS and isinstance(value, list) and all(type(item) is int for item in value):
            value = list(map(str, value))
        is_kept = value is None or name not in _CHECKED or (name == "label" and isinstance(value, int | float))
        record[name] = value if is_kept else checked(name, value, key=keys[name])
    if "text" in record and "tokens" not in record:
        record |= text_columns(checked("text", record["text"], key=keys["text"]))
    for name in ("tokens", "frames"):  # needed, so that null is refused
        if name in record:
            checked(name, record[name], key=keys.get(name))
    check_lengths(record)
    return record


def _with_names(value: Any, classes: datasets.ClassLabel, *, key: str) -> Any:
    try:
        return classes.int2str(value)
    except ValueError as error:  # -1 marks records without a label
        what = f"{key} is {shown(value)}; expected a class from 0 to {classes.num_classes - 1}"
        raise DataError(f"{what}; leave out a split without labels: data.splits.test=null") from error


def _class_names(feature: Any) -> datasets.ClassLabel | None:
    inner = getattr(feature, "feature", feature)
    return inner if isinstance(inner, datasets.ClassLabel) else None


def _named(feature: Any) -> Any:
    if _class_names(feature) is None:
        return feature
    name = datasets.Value("string")
    return name if isinstance(feature, datasets.ClassLabel) else datasets.List(name)


@contextmanager
def _offline() -> Iterator[None]:
    """Keep `datasets` off the network: the description of a local folder may name remote files."""
    # `datasets` reads the environment variable once, on import, so the module's setting is changed instead
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before
