"""The connections of a SQLite store, for tests that look behind it or break it."""

from __future__ import annotations

import sqlite3

from bridge.store import Store
from bridge.store.sqlite import Sqlite


def raw(store: Store) -> sqlite3.Connection:
    """Return a connection to the store's database that the store does not use, or its only one to memory."""
    db = store.db
    assert isinstance(db, Sqlite)
    return db._memory or sqlite3.connect(db.path, isolation_level=None)


def writer(store: Store) -> sqlite3.Connection:
    """Return the connection on which the store writes what must be on disk."""
    assert isinstance(store.db, Sqlite)
    with store.db._batches.transaction(True) as db:
        return db
