"""Storage for studies: a SQLite file, a journal file or a PostgreSQL database, with a lock across processes and machines."""

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
"""How long to wait for another process to release a SQLite file."""
STORES = "null (SQLite), sqlite:///FILE, journal:FILE or postgresql://user@host/database"
_LOCK, _UNLOCK = "SELECT pg_advisory_lock(:key)", "SELECT pg_advisory_unlock(:key)"
"""PostgreSQL drops an advisory lock when the connection ends, as the system drops a file lock when the process ends."""

warnings.filterwarnings("ignore", category=ExperimentalWarning)  # raised by parts of Optuna that we use on purpose
optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class Store:
    """A storage for studies.

    Args:
        url: `sqlite:///FILE`, `journal:FILE` or the URL of a PostgreSQL database; `str()` masks a password in it.
    """

    url: str

    def __str__(self) -> str:
        return re.sub(r"(//[^:/@]+):[^@]*@", r"\1:***@", self.url)

    @property
    def path(self) -> Path | None:
        """The file; None for a database server."""
        for prefix in (SQLITE, JOURNAL):
            if self.url.startswith(prefix):
                return Path(self.url.removeprefix(prefix)).absolute()
        return None

    def open(self) -> BaseStorage:
        """Open Optuna's storage, creating it if needed.

        Raises: ConfigError if it cannot be opened.
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
        """Hold the lock of the store: other processes, on any machine, wait here until the block ends."""
        if self.path is not None:
            # Not `.lock`: Optuna uses that name for its own lock on a journal and would wait 30 seconds for ours.
            with self.path.with_name(f"{self.path.name}.held").open("w") as file:
                # The lock ends with the file, also when the process is killed.
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
            return
        # Without a pool, so that closing the connection really ends it, and the lock with it.
        engine = create_engine(self._driven(), poolclass=NullPool)
        # Advisory locks have numbers, not names; this one is the same in every process.
        key = int.from_bytes(hashlib.sha256(b"seqlab-sweep").digest()[:4], "big")
        with engine.connect() as connection:
            connection.execute(text(_LOCK), {"key": key})
            try:
                yield
            finally:
                connection.execute(text(_UNLOCK), {"key": key})

    def _driven(self) -> str:
        """Return the URL with the installed driver, because SQLAlchemy's default driver depends on its version.

        Raises: ConfigError for any server but PostgreSQL.
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
    """Return the names of the studies in a storage, sorted."""
    return sorted(optuna.get_all_study_names(storage))
