"""Find the study that a user names by a sweep folder, a database file or a storage URL."""

from pathlib import Path

from seqlab.errors import ConfigError
from seqlab_sweep.folders import NOTE, noted
from seqlab_sweep.options import STUDY_FILE
from seqlab_sweep.stores import JOURNAL, SQLITE, Store, names_in
from seqlab_sweep.study import SharedStudy


def find(place: str, *, name: str | None) -> SharedStudy:
    """Return the study at `place`; `name` selects one if the storage has several.

    Raises: ConfigError if there is no such study.
    """
    store, noted_name = _store(place)
    if store.path is not None and not store.path.is_file():
        raise ConfigError(f"{place}: no study found; {store.path} is not a file")
    storage = store.open()
    names = names_in(storage)
    chosen = name or noted_name or (names[0] if len(names) == 1 else None)
    if chosen is None:
        raise ConfigError(f"{place} has {len(names)} studies; choose one with --name ({', '.join(names) or 'none exists yet'})")
    if chosen not in names:
        raise ConfigError(f"{place} has no study {chosen!r}; its studies: {', '.join(names) or 'none'}")
    return SharedStudy.found(store, chosen, storage=storage)


def _store(place: str) -> tuple[Store, str | None]:
    """Return the store at `place`, and the name of the study if the folder records it."""
    if "://" in place or place.startswith(JOURNAL):
        return Store(place), None
    path = Path(place)
    if not path.is_dir():
        return Store(f"{SQLITE}{path.absolute()}"), None
    known = noted(path)
    # The file in the folder wins over the recorded URL, which is wrong once the folder has been moved.
    if (path / STUDY_FILE).is_file():
        return Store(f"{SQLITE}{(path / STUDY_FILE).absolute()}"), known["study"] if known else None
    if known is None:
        raise ConfigError(f"{place}: no study found; expected a folder with {NOTE}, a database file or a storage URL")
    if "***" in known["storage"]:
        raise ConfigError(
            f"{place} belongs to a study in {known['storage']}, and passwords are not saved; pass that URL with its password"
            f" and --name {known['study']}"
        )
    return Store(known["storage"]), known["study"]
