"""Where studies live: a SQLite file, a journal file or a database server; opened, and held by one process at a time."""

import fcntl
import hashlib
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from seqlab.errors import ConfigError

JOURNAL = "journal:"
SQLITE = "sqlite:///"
_SECONDS_TO_WAIT = 120
"""For another process to leave a SQLite file alone."""
STORES = "null (SQLite), sqlite:///FILE, journal:FILE, or a database of PostgreSQL: postgresql://user@host/database"
_TAKE, _LEAVE = "SELECT pg_advisory_lock(:key)", "SELECT pg_advisory_unlock(:key)"
"""How PostgreSQL lets one at a time through; it lets go with the connection, as a file does with its process."""

warnings.filterwarnings("ignore", category=ExperimentalWarning)  # what we use of Optuna that it may still change
optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class Store:
    """A place for studies: `sqlite:///file`, `journal:file`, or the URL of a PostgreSQL database."""

    url: str

    def __str__(self) -> str:
        return re.sub(r"(//[^:/@]+):[^@]*@", r"\1:***@", self.url)

    @property
    def path(self) -> Path | None:
        """Its file; None for a database server."""
        for prefix in (SQLITE, JOURNAL):
            if self.url.startswith(prefix):
                return Path(self.url.removeprefix(prefix)).absolute()
        return None

    def open(self) -> BaseStorage:
        """Return Optuna's storage, made where there is none yet.

        Raises: ConfigError for one that cannot be reached.
        """
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._explained(), self.held():
            if self.url.startswith(JOURNAL):
                return JournalStorage(JournalFileBackend(str(self.path)))
            is_file = self.path is not None
            arguments = {"connect_args": {"timeout": _SECONDS_TO_WAIT}} if is_file else {"pool_pre_ping": True}
            return RDBStorage(f"{SQLITE}{self.path}" if is_file else self._driven(), engine_kwargs=arguments)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other process that asks, on any machine, waiting outside."""
        if self.path is not None:
            # Not `.lock`: that is the name of Optuna's own lock on a journal, which waits 30 seconds for one that is there.
            with self.path.with_name(f"{self.path.name}.held").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
            return
        engine = create_engine(self._driven(), poolclass=NullPool)
        key = int.from_bytes(hashlib.sha256(b"seqlab-sweep").digest()[:4], "big")
        with engine.connect() as connection:
            connection.execute(text(_TAKE), {"key": key})
            try:
                yield
            finally:
                connection.execute(text(_LEAVE), {"key": key})

    def _driven(self) -> str:
        """Return the URL with the driver that is installed: SQLAlchemy's default changes with its version.

        Raises: ConfigError for a server that is no PostgreSQL.
        """
        kind, _, rest = self.url.partition("://")
        if kind.partition("+")[0] != "postgresql":
            raise ConfigError(f"storage is {self}; expected {STORES}")
        if "+" in kind:
            return self.url
        return f"postgresql+{'psycopg2' if find_spec('psycopg2') else 'psycopg'}://{rest}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ModuleNotFoundError as error:
            raise ConfigError(f"storage is {self}, which needs {error.name}; pip install 'seqlab-sweep[postgresql]'") from error
        except ImportError as error:
            raise ConfigError(f"storage is {self}: {' '.join(str(error).split())}") from error
        except (ArgumentError, NoSuchModuleError, DBAPIError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise ConfigError(f"storage is {self}, which cannot be opened: {reason}") from error


def names_in(storage: BaseStorage) -> list[str]:
    """Return the names of the studies there."""
    return sorted(optuna.get_all_study_names(storage))
