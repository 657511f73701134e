"""Finding a study by what a user says: the folder of a sweep, a database file, or the URL of a store."""

from pathlib import Path

from seqlab.errors import ConfigError
from seqlab_sweep.folders import NOTE, noted
from seqlab_sweep.options import STUDY_FILE
from seqlab_sweep.stores import JOURNAL, SQLITE, Store, names_in
from seqlab_sweep.study import SharedStudy


def find(said: str, *, name: str | None) -> SharedStudy:
    """Return the study; `name` chooses among several in one store.

    Raises: ConfigError where there is none.
    """
    store, noted_name = _store(said)
    if store.path is not None and not store.path.is_file():
        raise ConfigError(f"{said}: there is no study; {store.path} is no file")
    storage = store.open()
    names = names_in(storage)
    chosen = name or noted_name or (names[0] if len(names) == 1 else None)
    if chosen is None:
        raise ConfigError(f"{said} has {len(names)} studies; choose one with --name: {', '.join(names) or 'it is empty'}")
    if chosen not in names:
        raise ConfigError(f"{said} has no study {chosen!r}; it has {', '.join(names) or 'none'}")
    return SharedStudy.found(store, chosen, storage=storage)


def _store(said: str) -> tuple[Store, str | None]:
    """Return where the study lives, and its name where a folder says it."""
    if "://" in said or said.startswith(JOURNAL):
        return Store(said), None
    path = Path(said)
    if not path.is_dir():
        return Store(f"{SQLITE}{path.absolute()}"), None
    if (path / STUDY_FILE).is_file():
        known = noted(path)
        return Store(f"{SQLITE}{(path / STUDY_FILE).absolute()}"), known["study"] if known else None
    known = noted(path)
    if known is None:
        raise ConfigError(f"{said}: there is no study; expected a folder with {NOTE}, a database file or the URL of a store")
    if "***" in known["storage"]:
        raise ConfigError(f"{said} is of a study in {known['storage']}, whose password is not kept; give that URL, and --name")
    return Store(known["storage"]), known["study"]
