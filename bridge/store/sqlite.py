"""SQLite as the engine: threads read on connections of their own and write in turns, several to a commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bridge.core.errors import Misconfigured, Transient
from bridge.store.batch import Batches
from bridge.store.bell import Bell
from bridge.store.datagram import DatagramEar, folder_of, tell
from bridge.store.engine import STORE_FAILED, Taken, parts, statements
from bridge.store.schema import migrations
from bridge.store.turns import Turns

NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
NOT_UNIQUE = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
CURE = "make room on its disk, and let the bridge write to the file and its directory"
SQL: Mapping[str, str] = statements("sqlite")


class _Mine(threading.local):
    """db: the connection that this thread must use: that of its transaction, or that of a database in memory."""

    def __init__(self, db: sqlite3.Connection | None) -> None:
        self.db = db


class Sqlite:
    """
    The database file, as `engine.Engine` wants it.

    Raises Transient(`store_busy`) when another process holds the file too long, Transient(`store_failed`) when the
    disk is full, failing or read-only. A file that was opened read-only stays so while anybody in the process has it
    open: when a write meets that, all connections are closed, and opened anew when they are wanted.
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self.cure = str(path), CURE
        self._readers: list[tuple[int, sqlite3.Connection]] = []
        self._age = 0  # counts how often everything was closed
        self._memory = self._connect(True) if self.path == ":memory:" else None
        self._local = _Mine(self._memory)
        turns = Turns("" if self._memory else f"{self.path}-lock")
        self._batches = Batches(self._writer, self._close_writer, turns)
        self._ears = folder_of(self.path)
        self._bell = Bell(self._ear)

    def migrate(self) -> list[str]:
        """Bring the schema up to date; return the names of the migrations that were applied. Raises as `prove`."""
        with self._starting(), self._lent() as raw:
            db = Database(raw, execute_plugins=False)
            pending = [m.name for m in migrations.pending(db)]
            migrations.apply(db)
        self.prove()
        return pending

    def pending(self) -> list[str]:
        with self._starting(), self._lent() as db:
            return [m.name for m in migrations.pending(Database(db, execute_plugins=False))]

    def prove(self) -> None:
        """Write to the file without changing anything; raises Misconfigured when it cannot be written to."""
        with self._starting(), self.transaction(), self._lent() as db:
            db.execute(f"PRAGMA user_version = {int(db.execute('PRAGMA user_version').fetchone()[0])}")

    def check(self) -> str:
        """Return `ok`, or what the integrity check of the file finds."""
        try:
            with self._lent() as db:
                return str(db.execute("PRAGMA integrity_check").fetchone()[0])
        except sqlite3.DatabaseError as error:
            self._fail(error)
            raise

    def run(self, name: str, /, **parameters: Any) -> list[sqlite3.Row]:
        """Run one named statement and return its rows."""
        return self._run(SQL[name], parameters)

    def _run(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any]) -> list[sqlite3.Row]:
        try:
            if (mine := self._local.db) is not None:
                return mine.execute(sql, parameters).fetchall()
            with self._lent() as db:
                return db.execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            self._fail(error)
            raise

    def many(self, name: str, /, rows: list[dict[str, Any]]) -> None:
        """Run one named statement for each row."""
        if not rows:
            return
        try:
            with self._lent() as db:
                db.executemany(SQL[name], rows)
        except sqlite3.DatabaseError as error:
            self._fail(error)
            raise

    def insert(self, name: str, /, rows: list[dict[str, Any]]) -> list[sqlite3.Row]:
        """Run one named INSERT for all rows together, and return what they returned."""
        return [got for sql, values in parts(SQL[name], rows, "?") for got in self._run(sql, values)]

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[None]:
        """Begin as a write, commit at the end, roll back on any exception. Threads of this process share commits."""
        try:
            with self._batches.transaction(durable) as db:
                self._local.db = db
                try:
                    yield
                finally:
                    self._local.db = self._memory
        except sqlite3.DatabaseError as error:
            self._fail(error)
            raise

    def ahead_ms(self) -> int:
        """Return 0: a file is of this machine."""
        return 0

    def wake(self) -> None:
        """Tell the processes that wait that there is work; what gets lost they find by themselves."""
        if self._memory is None:
            tell(self._ears)
        else:
            self._bell.ring()

    def pass_on(self) -> None:
        self._bell.ring()

    def wait(self, s: float, stop: threading.Event) -> None:
        """Return when it is time to look for work."""
        if s > 0:
            self._bell.wait(s, stop)

    def _ear(self) -> DatagramEar | None:
        try:
            return None if self._memory else DatagramEar(self._ears)
        except OSError:
            return None

    def close(self) -> None:
        """Close what nobody uses, and stop listening; the next statement connects anew."""
        self._bell.close()
        self._close_readers()
        self._batches.close()

    def _close_readers(self) -> None:
        self._age += 1
        while self._readers:
            self._readers.pop()[1].close()

    def _fail(self, error: sqlite3.DatabaseError) -> None:
        """Raise our error for one of the engine's; a mistake of ours has none."""
        if getattr(error, "sqlite_errorcode", 0) in NOT_UNIQUE:
            raise Taken(str(error)) from error
        if type(error) not in (sqlite3.OperationalError, sqlite3.DatabaseError):
            return
        if "locked" in str(error) or "busy" in str(error):
            raise Transient("store_busy", str(error)) from error
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in NOT_WRITABLE:
            self._close_readers()
        raise Transient(STORE_FAILED, str(error)) from error

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

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection of this thread's transaction, else one to read on, which comes back."""
        if (mine := self._local.db) is not None:
            yield mine
            return
        try:
            age, db = self._readers.pop()
        except IndexError:
            age, db = self._age, self._connect(True)
        try:
            yield db
        finally:
            if age == self._age:
                self._readers.append((age, db))
            else:
                db.close()

    def _writer(self, durable: bool) -> sqlite3.Connection:
        return self._memory or self._connect(durable)

    def _close_writer(self, db: sqlite3.Connection) -> None:
        if db is not self._memory:
            db.close()

    def _connect(self, durable: bool) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=5.0, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:
            db.close()
            raise
        db.row_factory = sqlite3.Row
        return db
