"""Opening the store, its migrations, and the translation of SQLite's errors into sentences.

The file is shared by every editor window, the trainer and the command line. A commit is durable (`synchronous=FULL`).
A damaged store is set aside under a dated name and never overwritten; one of a newer Stet is not touched.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from stet.core.errors import StoreError

BUSY_MILLISECONDS = 10_000
OPEN_SECONDS = 60.0
"""Longest wait for another process that checks, moves or migrates the store."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, at REAL NOT NULL) STRICT;
    CREATE TABLE offers (
        id TEXT PRIMARY KEY, document TEXT NOT NULL, offered_at REAL NOT NULL, arm TEXT NOT NULL, adapter TEXT NOT NULL,
        outcome TEXT, ended_at REAL, reason TEXT NOT NULL DEFAULT '', body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX offers_document ON offers (document);
    CREATE TABLE spans (
        id TEXT PRIMARY KEY, document TEXT NOT NULL, state TEXT NOT NULL, touched_at REAL NOT NULL,
        reason TEXT NOT NULL DEFAULT '', body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX spans_document ON spans (document, state);
    CREATE TABLE records (
        id TEXT NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL, kind TEXT NOT NULL,
        settled_at REAL NOT NULL, cost REAL NOT NULL, words INTEGER NOT NULL, arm TEXT NOT NULL,
        adapter TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (id, version)
    ) STRICT;
    CREATE INDEX records_document ON records (document);
    CREATE TABLE adapters (
        id TEXT PRIMARY KEY, model TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL, body TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX one_active_adapter ON adapters (model) WHERE status = 'active';
    CREATE TABLE adapter_events (
        number INTEGER PRIMARY KEY, adapter TEXT NOT NULL, model TEXT NOT NULL, status TEXT NOT NULL, at REAL NOT NULL,
        reason TEXT NOT NULL, replaced TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE TABLE runs (id TEXT PRIMARY KEY, status TEXT NOT NULL, started REAL NOT NULL, body TEXT NOT NULL) STRICT;
    CREATE TABLE run_records (run TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (run, record)) STRICT;
    """,
    """
    CREATE TABLE erased (id TEXT PRIMARY KEY) STRICT;
    ALTER TABLE run_records ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
    UPDATE runs SET seen = (
        SELECT coalesce(max(records.rowid), 0) FROM records JOIN run_records ON record = records.id WHERE run = runs.id
    );
    """,
    """
    ALTER TABLE spans ADD COLUMN owner TEXT NOT NULL DEFAULT '';
    CREATE TABLE readings (
        span TEXT NOT NULL, seconds INTEGER NOT NULL, at REAL NOT NULL, body TEXT NOT NULL, PRIMARY KEY (span, seconds)
    ) STRICT;
    """,
)
"""Append-only: a store at version n has had the first n applied."""


class Database:
    """One connection. May be used from one thread at a time, whichever opened it."""

    def __init__(self, path: Path, connection: sqlite3.Connection, opened_at: float, set_aside: Path | None) -> None:
        self.path = path
        self.opened_at = opened_at
        """Unix time in seconds."""
        self.set_aside = set_aside
        """Where a damaged store was put when this one was opened; None when it was well."""
        self.owner = ""
        """Name of the server whose connection this is: spans that it enters are its own; "" for a command."""
        self._connection = connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, committed at the end; raises StoreError. May be nested: the outermost one counts."""
        with translated(self.path):
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                # A commit that fails (disk full) leaves the transaction open: the next one would join it and be lost.
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For questions only; raises StoreError."""
        with translated(self.path):
            yield self._connection

    def scrub(self) -> None:
        """Make sure that deleted text is in none of the store's files: empty the write-ahead log.

        Raises StoreError when another process reads the store for too long.
        """
        with translated(self.path):
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StoreError(
                f"The text is deleted, but traces of it stand in {self.path}-wal, because another program reads the "
                "store; close your editors, and they are gone."
            )

    def close(self) -> None:
        """Close the connection; a second call changes nothing."""
        self._connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_store(path: Path, now: float) -> Database:
    """The store at `path`, made and brought up to date as needed; `now` (Unix seconds) dates a damaged one.

    Raises StoreError when it cannot be read or written, or comes from a newer Stet.
    """
    path = path.absolute()
    _make_folder(path.parent)
    with translated(path), _alone(path):
        aside = _set_aside(path, now) if _is_damaged(path) else None
        return Database(path, _connect(path), now, aside)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as one sentence each."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as error:
        if isinstance(error, (sqlite3.ProgrammingError, sqlite3.IntegrityError)):
            raise  # a mistake of ours, not of the disk
        text = str(error).lower()
        if "full" in text or getattr(error, "errno", None) == 28:
            mend = "free some disk space, or set STET_DATA_DIR to a folder with room"
        elif _is_damage(error):
            mend = "start Stet again, which sets it aside and makes a new one"
        elif "locked" in text:
            mend = "another program holds it; close it and try again"
        else:
            mend = "make the folder writable, or set STET_DATA_DIR to one that is"
        raise StoreError(f"The store {path} cannot be used ({error}); {mend}.") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The data folder {folder} cannot be made ({error.strerror}); set STET_DATA_DIR to a folder that can."
        ) from error


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time, so that nobody takes another's fresh store for the damaged one and moves that."""
    try:
        with FileLock(path.with_name(f"{path.name}.lock"), mode=0o600).acquire(timeout=OPEN_SECONDS):
            yield
    except Timeout as error:
        raise StoreError(
            f"The store {path} is being opened by another program for over {OPEN_SECONDS:.0f} s; end it and try again."
        ) from error


def _is_damaged(path: Path) -> bool:
    """Looks at the store and changes no byte of it. Raises StoreError for one of a newer Stet.

    The connection must be read-only: when a writable one closes, it copies the log into the file and deletes it.
    """
    if not path.is_file() or not path.stat().st_size:
        return False
    try:
        reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_MILLISECONDS / 1000)
        with contextlib.closing(reader):
            version = reader.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise StoreError(
                    f"The store {path} is of a newer Stet (version {version}, this one knows {len(MIGRATIONS)}); "
                    "run `pip install --upgrade stet-ls`, or set STET_DATA_DIR to another folder."
                )
            return bool(reader.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        return True


def _connect(path: Path) -> sqlite3.Connection:
    if path.is_file():
        path.chmod(0o600)
    else:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    while True:
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version >= len(MIGRATIONS):
            connection.rollback()
            return
        try:
            for statement in MIGRATIONS[version].split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1}")
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _set_aside(path: Path, now: float) -> Path:
    """Rename the damaged store and its companions; their bytes stay as they are."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    path.rename(aside)
    return aside
