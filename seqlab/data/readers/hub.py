"""Data sets of the Hugging Face hub, and local folders that `datasets` can load."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import datasets
from datasets.exceptions import DatasetsError

from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report
from seqlab.data.readers.text import check_has_text, text_columns
from seqlab.data.records import standard_features
from seqlab.errors import DataError


@final
class HubReader(Reader):
    """Reads splits of a data set from the hub or a local folder.

    Class labels become their names, and a `text` without `tokens` is tokenized. A local folder is read without network
    access. Code of data sets is never run.

    Args:
        name: Name of the data set on the hub (``owner/name``), or a local folder.
        config_name: Configuration of the data set; None if it has only one.
        revision: Commit, tag or branch on the hub; None: the newest.
        columns: Record column -> column of the data set; must have ``tokens`` or ``text``.

    Raises:
        ConfigError: `columns` has neither ``tokens`` nor ``text``.
    """

    def __init__(self, *, name: str, config_name: str | None, revision: str | None, columns: dict[str, str]) -> None:
        check_has_text(columns)
        self._name = name
        self._config_name = config_name
        self._revision = revision
        self._columns = columns

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        """Return the records of the split called `path` (``train``, ``test[:100]``); `report` gets no faults."""
        split = str(path)
        data = self._load(split)
        missing = [column for column in self._columns.values() if column not in data.column_names]
        if missing:
            raise DataError(f"{self._name}: no column {missing[0]!r} among {data.column_names}; set data.reader.columns")
        data = data.select_columns(list(self._columns.values()))
        columns = self._columns
        classes = {name: _class_names(data.features[column]) for name, column in columns.items()}

        def convert(batch: Mapping[str, list[Any]], indices: list[int]) -> dict[str, list[Any]]:
            records = {name: [_with_names(value, classes[name]) for value in batch[column]] for name, column in columns.items()}
            if "tokens" not in records:
                texts = [text_columns(text) for text in records["text"]]
                records |= {name: [text[name] for text in texts] for name in ("tokens", "offsets")}
            if "id" not in records:
                records["id"] = [f"{split}-{index + 1}" for index in indices]
            return records

        arguments = {"remove_columns": data.column_names, "features": self._features(data.features)}
        return data.map(convert, batched=True, with_indices=True, desc=f"reading {split}", **arguments)

    def _load(self, split: str) -> datasets.Dataset:
        folder = Path(self._name).expanduser()
        try:
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
        except (OSError, ValueError, KeyError, RuntimeError, DatasetsError) as error:
            raise DataError(f"{self._name}: cannot load split {split!r}: {error}; check data.name and data.splits") from error

    def _features(self, given: datasets.Features) -> datasets.Features:
        # a mapping keeps the order, and drops an id that is listed twice
        names = dict.fromkeys(["id", *self._columns])
        if "tokens" not in names:
            names |= dict.fromkeys(["tokens", "offsets"])
        others = {name: _named(given[column]) for name, column in self._columns.items()}
        return datasets.Features({name: standard_features().get(name) or others[name] for name in names})


def _with_names(value: Any, classes: datasets.ClassLabel | None) -> Any:
    return value if classes is None or value is None else classes.int2str(value)


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
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before
