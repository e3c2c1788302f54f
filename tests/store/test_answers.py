"""Requests that are sent twice, and what is forgotten of them, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.store import Store

NOW = 1_795_000_000_000
NEVER: dict[str, Any] = {"forgotten": 0, "given_up": 0}


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def store(request: pytest.FixtureRequest, tmp_path: Path, postgres: Callable[[Path], str]) -> Iterator[Store]:
    made = Store(tmp_path / "b.db" if request.param == "SQLite" else postgres(tmp_path))
    made.migrate()
    yield made
    made.db.close()


def test_a_key_is_taken_once_until_it_is_forgotten(store: Store) -> None:
    assert store.begin_request("t", "k", "r1", NOW, **NEVER)
    assert not store.begin_request("t", "k", "r2", NOW, **NEVER)
    assert store.begin_request("t2", "k", "r2", NOW, **NEVER) and store.begin_request("t", "k2", "r2", NOW, **NEVER)
    assert store.answered("t", "k") == {"request": "r1", "status": None, "headers": {}, "body": ""}
    store.end_request("t", "k", 201, {"ETag": '"đ"'}, "ễ")
    assert store.answered("t", "k") == {"request": "r1", "status": 201, "headers": {"ETag": '"đ"'}, "body": "ễ"}
    assert not store.begin_request("t", "k", "r2", NOW + 9, forgotten=NOW, given_up=NOW + 9)
    assert store.begin_request("t", "k", "r2", NOW + 9, forgotten=NOW + 1, given_up=0)
    assert store.answered("t", "k") == {"request": "r2", "status": None, "headers": {}, "body": ""}


def test_a_request_that_failed_or_was_given_up_frees_its_key(store: Store) -> None:
    store.begin_request("t", "k", "r1", NOW, **NEVER)
    assert store.begin_request("t", "k", "r2", NOW + 9, forgotten=0, given_up=NOW + 1)
    store.drop_request("t", "k")
    assert store.answered("t", "k") is None and store.begin_request("t", "k", "r3", NOW, **NEVER)


def test_old_answers_are_forgotten(store: Store) -> None:
    for n in range(3):
        store.begin_request("t", f"k{n}", "r", NOW + n, **NEVER)
    store.forget_answers(NOW, NOW + 2)
    assert [store.answered("t", f"k{n}") is None for n in range(3)] == [True, True, False]
