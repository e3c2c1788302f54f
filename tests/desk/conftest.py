"""A desk over made-up accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.desk import Desk
from bridge.store import Store
from tests.desk.lists import desk_of


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def store(request: pytest.FixtureRequest, tmp_path: Path, postgres: Callable[[Path], str]) -> Iterator[Store]:
    store = Store(tmp_path / "b.db" if request.param == "SQLite" else postgres(tmp_path))
    store.migrate()
    yield store
    store.db.close()


@pytest.fixture
def desk(store: Store) -> Desk:
    return desk_of(store)
