"""SQLite as the engine: one connection a thread, write transactions begun as writes, every commit synced to disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bridge.core.errors import Misconfigured, Transient
from bridge.store.schema import migrations


def _named(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split("-- name:")[1:]:
        name, _, sql = part.partition("\n")
        found[name.strip()] = (
            "\n".join(line for line in sql.splitlines() if not line.startswith("--")).strip().rstrip(";")
        )
    return found


SQL: Mapping[str, str] = _named(files("bridge.store").joinpath("queries.sql").read_text("utf-8"))


class Sqlite:
    """
    The database file. `read` and `write` give a cursor function `run(name, **parameters) -> rows`.

    Raises Transient(`store_busy`) when another process holds the file too long, Transient(`store_failed`) when the
    disk is full or read-only.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._local = threading.local()
        self._memory = self._connect() if self.path == ":memory:" else None
        self._writing = threading.RLock()

    def migrate(self) -> list[str]:
        """Bring the schema up to date; return the names of the migrations that were applied."""
        db = Database(self._connection(), execute_plugins=False)
        pending = [m.name for m in migrations.pending(db)]
        migrations.apply(db)
        return pending

    def pending(self) -> list[str]:
        return [m.name for m in migrations.pending(Database(self._connection(), execute_plugins=False))]

    def check(self) -> str:
        """Return `ok`, or what the integrity check of the file finds."""
        return str(self._connection().execute("PRAGMA integrity_check").fetchone()[0])

    def run(self, name: str, /, **parameters: Any) -> list[sqlite3.Row]:
        """Run one named statement and return its rows."""
        return self._connection().execute(SQL[name], parameters).fetchall()

    def many(self, name: str, /, rows: list[dict[str, Any]]) -> None:
        """Run one named statement for each row."""
        if rows:
            self._connection().executemany(SQL[name], rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin as a write, commit at the end, roll back on any exception. Threads of this process queue up here."""
        with self._writing:
            db = self._connection()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield
                db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back(db)
                busy = "locked" in str(error) or "busy" in str(error)
                raise Transient("store_busy" if busy else "store_failed", str(error)) from error
            except BaseException:
                self._roll_back(db)
                raise

    def close(self) -> None:
        """Close the connection of this thread."""
        db = getattr(self._local, "db", None)
        if db is not None:
            db.close()
            del self._local.db

    def _roll_back(self, db: sqlite3.Connection) -> None:
        if db.in_transaction:
            db.execute("ROLLBACK")

    def _connection(self) -> sqlite3.Connection:
        if self._memory is not None:
            return self._memory
        if not hasattr(self._local, "db"):
            self._local.db = self._connect()
        db = self._local.db
        assert isinstance(db, sqlite3.Connection)
        return db

    def _connect(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(
                self.path, isolation_level=None, timeout=5.0, check_same_thread=self.path != ":memory:"
            )
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error as error:
            raise Misconfigured(
                f"database {self.path}", str(error), "name a directory that the bridge may write to"
            ) from error
        db.row_factory = sqlite3.Row
        return db
