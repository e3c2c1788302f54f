"""How long property tests look, and the PostgreSQL server of a test session."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import emptied, server

# no deadline: a busy machine is no failure
settings.register_profile("bridge", deadline=None, database=None, max_examples=60)
settings.load_profile("bridge")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a server of its own for this test process; the address of a database on it."""
    with server() as address:
        yield address


@pytest.fixture
def postgres(postgres_server: str, tmp_path: Path) -> Callable[[Path], str]:
    """
    Return the address of a database, the same one for the same path: for the test's own tmp_path one that other tests
    have used and that is emptied, which is 30 times faster than the new one for any other path.
    """
    known: dict[Path, str] = {}

    def address(path: Path) -> str:
        if path not in known:
            schema = "shared" if path == tmp_path else "t" + hashlib.sha256(str(path).encode()).hexdigest()[:16]
            known[path] = emptied(postgres_server, schema)
        return known[path]

    return address
