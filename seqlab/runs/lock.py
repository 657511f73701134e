"""The lock of a run: hashes of the data that it read, so that the run can be reproduced.

`lock.json` complements `config.yaml` (the resolved config with the seed) and `environment.json` (versions, threads, machine,
command).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import datasets

from seqlab.config.tree import walk
from seqlab.data.atomic_write import write_json
from seqlab.data.multitask.data_sets import set_configs
from seqlab.errors import DataError
from seqlab.runs.find_model import find_bundle
from seqlab.runs.json_files import read_object

LOCK = "lock.json"
FORMAT = 1


@final
@dataclass(frozen=True)
class Source:
    """A file that a run read, or a split of records that do not come from files."""

    name: str
    """Path as the config gives it; for records, their data set and split."""
    sha256: str
    size: int
    """Bytes of a file, or number of records."""
    is_file: bool


@final
@dataclass(frozen=True)
class Lock:
    """What a run read, where it was started, and the classes that its user allowed."""

    working_dir: str
    sources: Sequence[Source]
    allow: Sequence[str]

    @classmethod
    def of(
        cls, settings: Mapping[str, Any], sets: Mapping[str, Mapping[str, datasets.Dataset]], *, allow: Sequence[str]
    ) -> "Lock":
        """Return the lock of a run, from its resolved config and its records by data set and split."""
        # A file may be named twice, as data and as vectors; this keeps it once, in order.
        paths = dict.fromkeys(_files(settings))
        files = [Source(str(path), _sha256(path), path.stat().st_size, is_file=True) for path in paths]
        configs = set_configs(settings["data"])
        records = [
            _records(found, name=f"{name or 'data'}, {split}")
            for name, splits in sets.items()
            for split, found in splits.items()
            # Records that come from files need no hash of their own.
            if not any(_paths(configs[name]))
        ]
        return cls(str(Path.cwd()), [*files, *records], list(allow))

    def write(self, folder: Path) -> None:
        """Write `lock.json` into a run folder."""
        write_json(folder / LOCK, {"format": FORMAT, **asdict(self)})

    @classmethod
    def read(cls, folder: Path) -> "Lock":
        """Read the lock of a run folder.

        Raises: DataError if it is missing, damaged, or has a different format.
        """
        path = folder / LOCK
        content = read_object(path, expected="the lock of a run made by this seqlab or a newer one", version=FORMAT)
        try:
            return cls(content["working_dir"], [Source(**one) for one in content["sources"]], content["allow"])
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: not the lock of a run ({' '.join(str(error).split()):.100})") from error

    def changed_files(self) -> dict[str, str]:
        """Return the files that have changed since the run, with the change."""
        found = {}
        for source in (source for source in self.sources if source.is_file):
            path = Path(self.working_dir, source.name)
            if not path.is_file():
                found[source.name] = "is gone"
            elif _sha256(path) != source.sha256:
                found[source.name] = f"has changed: {source.size:,} bytes then, {path.stat().st_size:,} now"
        return found


def _files(settings: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files that a run reads: those of its splits, and those named in its data, embedding and checkpoint."""
    # In a cross-validation, the fold takes the place of the test split.
    unread = "test" if settings["fold"] else None
    for config in set_configs(settings["data"]).values():
        yield from _paths(config, without=unread)
    for place in ("data", "embedding", "vectors", "ckpt_path"):
        for _, text in walk(settings[place], with_lists=True):
            # Long or multi-line texts are not paths, and asking the file system about them may fail.
            if isinstance(text, str) and "\n" not in text and len(text) < 1024 and Path(text).expanduser().is_file():
                yield Path(text).expanduser()
    if settings["init_from"] is not None:
        yield from sorted(find_bundle(Path(settings["init_from"]).expanduser()).iterdir())


def _paths(config: Mapping[str, Any], *, without: str | None = None) -> Iterator[Path]:
    """Yield the files of a data set's splits; for a split that is a folder, all files in it."""
    folder = Path(str(config["dir"])).expanduser() if config["dir"] else Path()
    named = [folder / str(name) for split, name in config["splits"].items() if name and split != without]
    # Readers of one file for all splits name it themselves.
    file = config["reader"].get("file")
    for path in [*named, *([folder / file] if isinstance(file, str) else [])]:
        if path.is_file():
            yield path
        elif config["dir"] and path.is_dir():
            # Sorted, because file systems list folders in any order.
            yield from sorted(child for child in path.rglob("*") if child.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _records(records: datasets.Dataset, *, name: str) -> Source:
    digest = hashlib.sha256()
    for batch in records.with_format("arrow").iter(batch_size=1000):
        for record in batch.to_pylist():
            # Sorted keys, so that the order of columns does not change the hash.
            digest.update(json.dumps(record, ensure_ascii=False, sort_keys=True, default=repr).encode())
    return Source(name, digest.hexdigest(), len(records), is_file=False)
