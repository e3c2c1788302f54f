"""The contract of the store on each engine, and what is SQLite's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.core.errors import Misconfigured, Transient
from bridge.store import CURE, Store
from tests.store.contract import SharedStoreContract, StoreContract, hook
from tests.store.raw import raw, writer


class TestSqliteFile(SharedStoreContract):
    def address(self, tmp_path: Path) -> str:
        tmp_path.mkdir(exist_ok=True)
        return str(tmp_path / "bridge.db")


class TestSqliteMemory(StoreContract):
    def address(self, tmp_path: Path) -> str:
        return ":memory:"


class TestPostgres(SharedStoreContract):
    @pytest.fixture(autouse=True)
    def server(self, postgres: Callable[[Path], str]) -> None:
        self.database = postgres

    def address(self, tmp_path: Path) -> str:
        return self.database(tmp_path)


def opened(tmp_path: Path) -> Store:
    store = Store(tmp_path / "bridge.db")
    store.migrate()
    return store


def test_every_commit_is_synced_to_disk(tmp_path: Path) -> None:
    store = opened(tmp_path)
    found = [writer(store).execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]
    store.db.close()


def test_a_store_that_another_process_holds_is_busy(tmp_path: Path) -> None:
    store = opened(tmp_path)
    writer(store).execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "bridge.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Transient) as caught:
        hook(store)
    assert caught.value.reason == "store_busy"
    other.execute("ROLLBACK")
    other.close()
    hook(store)
    store.db.close()


def test_a_disk_that_refuses_is_told_apart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    writer(store).execute("PRAGMA query_only = 1")
    with pytest.raises(Transient) as caught:
        hook(store)
    assert caught.value.reason == "store_failed"
    store.db.close()


def test_a_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nowhere/bridge\.db"):
        Store(tmp_path / "nowhere" / "bridge.db").migrate()


def test_a_read_that_fails_is_told_like_a_write(tmp_path: Path) -> None:
    store = opened(tmp_path)
    raw(store).execute("ALTER TABLE delivery RENAME TO gone")
    with pytest.raises(Transient) as caught:
        store.count_waiting()
    assert caught.value.reason == "store_failed"
    store.db.close()


def test_a_damaged_file_is_told_as_a_failing_store(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.db.close()
    path = tmp_path / "bridge.db"
    path.write_bytes(path.read_bytes()[:4096] + b"x" * (path.stat().st_size - 4096))
    with pytest.raises(Transient) as caught:
        store.connections()
    assert caught.value.reason == "store_failed"
    store.db.close()


def test_a_file_that_cannot_be_written_to_is_named_at_the_start_with_what_to_do(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.db.prove()
    writer(store).execute("PRAGMA query_only = 1")
    with pytest.raises(Misconfigured, match=r"bridge\.db: attempt to write a readonly database\. make room") as caught:
        store.db.prove()
    assert caught.value.cure == CURE
    store.db.close()


def test_what_was_opened_read_only_is_opened_anew(tmp_path: Path) -> None:
    store = opened(tmp_path)
    writer(store).execute("PRAGMA query_only = 1")
    with pytest.raises(Transient):
        hook(store)
    hook(store)
    assert store.count_waiting() == 1
    store.db.close()
