"""SQLite as the engine: one connection a thread, write transactions begun as writes, every commit synced to disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bridge.core.errors import Misconfigured, Transient
from bridge.store.engine import STORE_FAILED, Taken, statements
from bridge.store.schema import migrations

NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
NOT_UNIQUE = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
CURE = "make room on its disk, and let the bridge write to the file and its directory"
SQL: Mapping[str, str] = statements("sqlite")


class Sqlite:
    """
    The database file, as `engine.Engine` wants it.

    Raises Transient(`store_busy`) when another process holds the file too long, Transient(`store_failed`) when the
    disk is full, failing or read-only. A file that was opened read-only stays so while anybody in the process has it
    open: a thread that finds it so closes it, and opens it anew next time.
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self.cure = str(path), CURE
        self._local = threading.local()
        self._memory = self._connect() if self.path == ":memory:" else None
        self._writing = threading.RLock()

    def migrate(self) -> list[str]:
        """Bring the schema up to date; return the names of the migrations that were applied. Raises as `prove`."""
        with self._starting():
            db = Database(self._connection(), execute_plugins=False)
            pending = [m.name for m in migrations.pending(db)]
            migrations.apply(db)
        self.prove()
        return pending

    def pending(self) -> list[str]:
        with self._starting():
            return [m.name for m in migrations.pending(Database(self._connection(), execute_plugins=False))]

    def prove(self) -> None:
        """Write to the file without changing anything; raises Misconfigured when it cannot be written to."""
        with self._starting(), self.transaction():
            db = self._connection()
            db.execute(f"PRAGMA user_version = {int(db.execute('PRAGMA user_version').fetchone()[0])}")

    def check(self) -> str:
        """Return `ok`, or what the integrity check of the file finds."""
        try:
            return str(self._connection().execute("PRAGMA integrity_check").fetchone()[0])
        except sqlite3.DatabaseError as error:
            self._fail(error)
            raise

    def run(self, name: str, /, **parameters: Any) -> list[sqlite3.Row]:
        """Run one named statement and return its rows."""
        try:
            return self._connection().execute(SQL[name], parameters).fetchall()
        except sqlite3.DatabaseError as error:
            self._fail(error)
            raise

    def many(self, name: str, /, rows: list[dict[str, Any]]) -> None:
        """Run one named statement for each row."""
        if not rows:
            return
        try:
            self._connection().executemany(SQL[name], rows)
        except sqlite3.DatabaseError as error:
            self._fail(error)
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin as a write, commit at the end, roll back on any exception. Threads of this process queue up here."""
        with self._writing:
            db = None
            try:
                db = self._connection()
                db.execute("BEGIN IMMEDIATE")
                yield
                db.execute("COMMIT")
            except BaseException as error:
                if db is not None and db.in_transaction:
                    db.execute("ROLLBACK")
                if isinstance(error, sqlite3.DatabaseError):
                    self._fail(error)
                self._leave_if_stale()
                raise

    def ahead_ms(self) -> int:
        """Return 0: a file is of this machine."""
        return 0

    def wake(self) -> None:
        """Do nothing: a file tells nobody."""

    def wait(self, s: float, stop: threading.Event) -> None:
        """Return after `s` seconds, or when `stop` is set."""
        stop.wait(s)

    def close(self) -> None:
        """Close the connection of this thread."""
        db = getattr(self._local, "db", None)
        if db is not None:
            db.close()
            del self._local.db
        self._local.stale = False

    def _fail(self, error: sqlite3.DatabaseError) -> None:
        """Raise our error for one of the engine's; a mistake of ours has none."""
        if getattr(error, "sqlite_errorcode", 0) in NOT_UNIQUE:
            raise Taken(str(error)) from error
        if type(error) not in (sqlite3.OperationalError, sqlite3.DatabaseError):
            return
        if "locked" in str(error) or "busy" in str(error):
            raise Transient("store_busy", str(error)) from error
        self._local.stale = getattr(error, "sqlite_errorcode", 0) & 0xFF in NOT_WRITABLE
        self._leave_if_stale()
        raise Transient(STORE_FAILED, str(error)) from error

    def _leave_if_stale(self) -> None:
        db = getattr(self._local, "db", None)
        if db is not None and getattr(self._local, "stale", False) and not db.in_transaction:
            self.close()

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """Turn the engine's errors into one that refuses to start and names the file."""
        try:
            yield
        except (sqlite3.Error, Transient) as error:
            busy = "locked" in str(error) or "busy" in str(error)
            if busy:
                raise error if isinstance(error, Transient) else Transient("store_busy", str(error)) from error
            detail = error.detail if isinstance(error, Transient) else str(error)
            raise Misconfigured(f"database {self.path}", detail, CURE) from error

    def _connection(self) -> sqlite3.Connection:
        if self._memory is not None:
            return self._memory
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._connect()
        return db

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=5.0, check_same_thread=self.path != ":memory:")
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:
            db.close()
            raise
        db.row_factory = sqlite3.Row
        return db
