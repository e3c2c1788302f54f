"""Deliveries that come in together are committed together, and each sender hears what became of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.core.errors import Transient
from bridge.store import Store
from tests.store.contract import NOW, hook


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    sqlite = request.param == "sqlite"
    made = Store(tmp_path / "bridge.db" if sqlite else request.getfixturevalue("postgres")(tmp_path))
    made.migrate()
    yield made
    made.db.close()


def together(store: Store, keys: list[str]) -> list[object]:
    """Accept deliveries from one thread each while another holds the inbox; return their ids, or what they raised."""
    told: list[object] = [None] * len(keys)
    begun, goes_on = threading.Event(), threading.Event()
    really = store.db.insert

    def held(name: str, /, rows: list[dict[str, object]]) -> list[object]:
        begun.set()
        goes_on.wait(20)
        return really(name, rows)

    def accept(i: int) -> None:
        try:
            told[i] = hook(store, keys[i])
        except Transient as error:
            told[i] = error
        finally:
            store.db.close()

    threads = [threading.Thread(target=accept, args=(i,)) for i in range(len(keys))]
    store.db.insert = held  # type: ignore[method-assign]
    threads[0].start()
    assert begun.wait(20)
    store.db.insert = really  # type: ignore[method-assign]
    for thread in threads[1:]:
        thread.start()
    while len(store.inbox._waiting) < len(keys) - 1:
        threading.Event().wait(0.001)
    goes_on.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return told


def test_each_hears_its_own_id_and_what_waits_is_one_transaction(store: Store) -> None:
    begun: list[int] = []
    really = store.db.transaction

    def transaction() -> object:
        begun.append(1)
        return really()

    store.db.transaction = transaction  # type: ignore[method-assign,assignment]
    ids = together(store, [f"n{i}" for i in range(20)])
    store.db.transaction = really  # type: ignore[method-assign]
    assert len(begun) == 2, "the first, and all that came while it was at it"
    assert sorted(ids) == [w.id for w in store.waiting()]  # type: ignore[type-var]
    keys = {w.id: w for w in store.waiting()}
    assert len(keys) == 20


def test_a_repeat_that_comes_at_the_same_time_is_kept_once(store: Store) -> None:
    ids = together(store, ["first", "n1", "n1", "n1", "n2"])
    assert [i is None for i in ids[1:4]].count(False) == 1
    assert store.count_waiting() == 3


def test_a_commit_that_fails_is_told_to_all_who_waited_for_it_and_the_next_goes_through(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, failing = store.db.many, threading.Event()

    def many(name: str, /, rows: list[dict[str, object]]) -> None:
        if failing.is_set():
            raise Transient("store_failed", "disk I/O error")
        really(name, rows)
        failing.set()  # after the first

    monkeypatch.setattr(store.db, "many", many)
    told = together(store, ["n1", "n2", "n3", "n4"])
    assert isinstance(told[0], str)
    assert [type(t) for t in told[1:]] == [Transient] * 3
    assert store.count_waiting() == 1
    failing.clear()
    assert hook(store, "n2") is not None
    assert store.count_waiting() == 2


def test_that_a_vendor_was_heard_is_written_once_a_second(store: Store) -> None:
    for ms in (0, 400, 999):
        hook(store, now=NOW + ms)
    assert store.connections()["a"]["heard_at"] == NOW
    hook(store, now=NOW + 1_000)
    assert store.connections()["a"]["heard_at"] == NOW + 1_000
    hook(store, connection="b", now=NOW + 1_001)
    assert store.connections()["b"]["heard_at"] == NOW + 1_001


def test_what_could_not_be_written_of_a_vendor_is_written_next_time(store: Store) -> None:
    really = store.db.insert

    def fail(name: str, /, rows: list[dict[str, object]]) -> list[object]:
        raise Transient("store_failed", "disk I/O error")

    store.db.insert = fail  # type: ignore[method-assign]
    with pytest.raises(Transient):
        hook(store)
    store.db.insert = really  # type: ignore[method-assign]
    hook(store, now=NOW + 1)
    assert store.connections()["a"]["heard_at"] == NOW + 1
