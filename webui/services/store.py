"""The database of a data folder: SQLite in WAL mode, or any other by URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.engine import make_url

from webui.core.errors import StorageError
from webui.services.data_lock import DataLock
from webui.services.storage_errors import storage_errors
from webui.services.tables import METADATA, SCHEMA_VERSION, schema_version

FILE_NAME = "inkstone.sqlite3"
BUSY_SECONDS = 20.0

_WRITES = "inkstone_writes"


class Store:
    """Opens the database, guards the data folder and hands out transactions. Thread-safe."""

    def __init__(self, data_dir: Path, url: str | None = None) -> None:
        """Takes the data folder, made if need be, and creates the tables in a new database.

        Raises:
            StorageError: the folder is in use, not writable or not a folder; the database is
                damaged or of a newer version.
        """
        self.data_dir = data_dir
        with storage_errors(data_dir):
            data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = DataLock(data_dir)
        self.path = data_dir / FILE_NAME
        try:
            self._engine = _engine(url or f"sqlite:///{self.path.as_posix()}")
            try:
                self._prepare()
            except StorageError:
                self._engine.dispose()
                raise
        except StorageError:
            self._lock.release()
            raise

    def _prepare(self) -> None:
        with self.write() as connection:
            METADATA.create_all(connection)
            found = connection.execute(select(schema_version.c.version)).scalar()
            if found is None:
                connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
            elif found > SCHEMA_VERSION:
                raise StorageError(
                    "error.data_newer", path=str(self.path), found=found, known=SCHEMA_VERSION
                )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and changes nothing."""
        with storage_errors(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is kept as a whole when the body ends, or not at all.

        Writers wait for each other at the start, so a body may read and then decide.
        """
        engine = self._engine.execution_options(**{_WRITES: True})
        with storage_errors(self.path), engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Closes the database and gives the data folder free."""
        self._engine.dispose()
        self._lock.release()


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(
        url, pool_size=8, max_overflow=40, connect_args={"timeout": BUSY_SECONDS}
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 shall not begin transactions; `_begin` does
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL, not NORMAL: the few rows a second cost one sync each, and without it a power cut
    # could forget the row of a picture whose file is already there.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
