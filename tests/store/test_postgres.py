"""What is PostgreSQL's own: how it is reached, shared, and told when it fails."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bridge.core.errors import Misconfigured, Transient
from bridge.core.model import Look
from bridge.store import Store, Taken, postgres
from bridge.store.postgres import CONNECTIONS, CURE, SQL, Postgres, _parameters, translated
from bridge.store.schema import MIGRATIONS
from tests.store.contract import LEASE, NOW, A, claimed, hook, linked

Opened = Callable[[], Store]
SECRET = "p%40ss-w0rd"


@pytest.fixture
def opened(postgres: Callable[[Path], str], tmp_path: Path) -> Iterator[Opened]:
    """Open the store of this test once more; each is as another process."""
    made: list[Store] = []

    def another() -> Store:
        store = Store(postgres(tmp_path))
        store.migrate()
        made.append(store)
        return store

    yield another
    for store in made:
        store.db.close()


def test_named_parameters_become_those_of_psycopg() -> None:
    given = "SELECT ':no', '50%', 'it''s :no'::TEXT FROM t WHERE a LIKE 'x%' AND b = :b AND c % 2 = :c_1"
    wanted = "SELECT ':no', '50%%', 'it''s :no'::TEXT FROM t WHERE a LIKE 'x%%' AND b = %(b)s AND c %% 2 = %(c_1)s"
    assert translated(given) == wanted


# how it is reached


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgres://u:p@db.example.com/x", "require"),
        ("postgresql://u:p@10.0.0.5:6432/x", "require"),
        ("postgres://u:p@db.example.com/x?sslmode=disable", "disable"),
        ("postgres://u:p@db.example.com/x?sslrootcert=ca.pem", "verify-full"),
        ("postgres://u:p@localhost/x", None),
        ("postgres://u:p@127.0.0.1/x", None),
        ("postgres://u:p@[::1]/x", None),
        ("postgres:///x", None),
        ("postgres:///x?host=/var/run/postgresql", None),
        ("postgres:///x?host=db.example.com", "require"),
        ("postgres://u:p@localhost/x?hostaddr=10.0.0.5", "require"),
    ],
)
def test_a_server_elsewhere_is_spoken_to_by_tls(url: str, mode: str | None) -> None:
    assert _parameters(url).get("sslmode") == mode


def test_what_the_address_says_wins() -> None:
    given = _parameters("postgres://h/x?connect_timeout=9&application_name=mine")
    assert (given["connect_timeout"], given["application_name"]) == ("9", "mine")


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    store = Store(f"postgres://user:{SECRET}@127.0.0.1:1/deals")
    with pytest.raises(Misconfigured, match=r"database postgresql://127\.0\.0\.1:1/deals: connection failed") as caught:
        store.migrate()
    assert (caught.value.cure, "p@ss" in str(caught.value), SECRET in str(caught.value)) == (CURE, False, False)
    with pytest.raises(Transient) as failed:
        hook(store)
    assert failed.value.reason == "store_failed"
    assert SECRET not in store.db.path + repr(store.db) + str(failed.value)


@pytest.mark.parametrize("url", [f"postgres://u:{SECRET}%zz@h/x", f"postgres://u:{SECRET}@h:port:/x?a"])
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="DATABASE_URL: is not an address") as caught:
        Store(url)
    assert SECRET not in str(caught.value)


# how it is shared


def test_several_threads_share_a_few_connections(opened: Opened) -> None:
    store, seen = opened(), set[int]()
    start = threading.Barrier(8)

    def work() -> None:
        start.wait(10)
        for _ in range(10):
            hook(store)
            seen.update(id(db) for db in store.db._free)  # type: ignore[attr-defined]

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count_waiting() == 80
    assert len(store.db._free) <= CONNECTIONS and len(seen) <= CONNECTIONS  # type: ignore[attr-defined]


def test_a_claim_passes_over_a_link_that_another_worker_is_taking(opened: Opened) -> None:
    store, other = opened(), opened()
    first, second = linked(store, 1), linked(store, 2)
    with store.db.transaction():
        assert store.db.run("due_link", now=NOW)[0]["link"] == first
        assert claimed(other).link == second
        assert other.claim("w", NOW, LEASE) is None
    assert claimed(other).link == first


def test_nobody_takes_a_lease_between_its_check_and_the_commit(opened: Opened) -> None:
    store, other = opened(), opened()
    linked(store)
    late = claimed(store)
    with store.db.transaction():
        store._fence(late)
        assert other.claim("other", NOW + LEASE, LEASE) is None
    assert claimed(other, NOW + LEASE, "other").lapsed


def test_a_look_can_be_asked_for_while_its_link_is_saved(opened: Opened) -> None:
    store, other = opened(), opened()
    link = linked(store)
    claim = claimed(store)
    with store.db.transaction():
        store._fence(claim)
        other.look(link, [Look(A, NOW, "sweep")])
    assert store.due_looks(link, NOW)["a"] == ["linked", "sweep"]


def test_two_processes_migrate_side_by_side(postgres: Callable[[Path], str], tmp_path: Path) -> None:
    address = postgres(tmp_path / "new")
    code = f"from bridge.store import Store; s = Store({address!r}); print(len(s.migrate())); s.db.close()"
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(int(process.communicate(timeout=60)[0]) for process in both) == [0, len(MIGRATIONS)]


# how workers are woken


def waited_s(store: Store, s: float) -> float:
    started = time.monotonic()
    store.wait_for_work(s, threading.Event())
    return time.monotonic() - started


@pytest.mark.parametrize("tell", [hook, lambda store: store.look(store.all_refs()[0][0], [Look(A, NOW, "sweep")])])
def test_work_that_another_process_stores_ends_a_wait(opened: Opened, tell: Callable[[Store], object]) -> None:
    store, other = opened(), opened()
    linked(store)
    store.wait_for_work(0.001, threading.Event())
    telling = threading.Timer(0.1, lambda: (tell(other), other.db.close()))
    telling.start()
    assert waited_s(store, 20) < 10
    telling.join()


def test_what_is_told_while_nobody_waits_is_heard_later_and_once(opened: Opened) -> None:
    store, other = opened(), opened()
    store.wait_for_work(0.001, threading.Event())
    hook(other)
    assert waited_s(store, 20) < 10
    assert waited_s(store, 0.1) >= 0.09


def test_a_repeat_wakes_nobody(opened: Opened) -> None:
    store, other = opened(), opened()
    hook(other, "n1")
    store.wait_for_work(0.001, threading.Event())
    hook(other, "n1")
    assert waited_s(store, 0.1) >= 0.09


def test_one_thread_listens_and_the_others_end_with_the_stop(opened: Opened) -> None:
    store, stop = opened(), threading.Event()
    threads = [threading.Thread(target=store.wait_for_work, args=(0.5, stop)) for _ in range(4)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert [thread.name for thread in threading.enumerate()].count("listens") == 1


def test_a_listener_whose_server_went_away_listens_anew(opened: Opened, postgres_server: str) -> None:
    store, other = opened(), opened()
    store.wait_for_work(0.001, threading.Event())
    end_sessions(postgres_server)
    assert 0.09 <= waited_s(store, 0.1) < 5
    store.wait_for_work(0.001, threading.Event())
    hook(other)
    assert waited_s(store, 20) < 10


# how its failures are told


def test_a_lock_that_another_holds_too_long_is_busy(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SQL, "session", "SET lock_timeout = '50ms'")  # type: ignore[arg-type]
    store, other = opened(), opened()
    linked(store)
    claim = claimed(store)
    with store.db.transaction():
        store._fence(claim)
        with pytest.raises(Transient) as caught:
            other.renew(claim, NOW, LEASE)
    assert caught.value.reason == "store_busy"
    other.renew(claim, NOW, LEASE)


def test_connections_that_are_all_in_use_are_busy(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "BUSY_S", 0.05)
    store = opened()
    for _ in range(CONNECTIONS):
        assert store.db._room.acquire(timeout=1)  # type: ignore[attr-defined]
    with pytest.raises(Transient) as caught:
        hook(store)
    for _ in range(CONNECTIONS):
        store.db._room.release()  # type: ignore[attr-defined]
    hook(store)
    assert caught.value.reason == "store_busy"


def end_sessions(address: str) -> None:
    with psycopg.connect(address, autocommit=True) as db:
        others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
        db.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")


def test_a_server_that_was_started_anew_costs_no_delivery(opened: Opened, postgres_server: str) -> None:
    store = opened()
    hook(store)
    end_sessions(postgres_server)
    hook(store)
    assert store.count_waiting() == 2


def test_a_server_that_ends_within_a_transaction_keeps_nothing_of_it(opened: Opened, postgres_server: str) -> None:
    store = opened()
    with pytest.raises(Transient) as caught, store.db.transaction():
        store.db.run("heard", connection="a", at=NOW)
        end_sessions(postgres_server)
        store.db.run("heard", connection="b", at=NOW)
    assert caught.value.reason == "store_failed"
    assert store.connections() == {}


def test_a_table_that_is_missing_is_told_as_a_failing_store(postgres: Callable[[Path], str], tmp_path: Path) -> None:
    store = Store(postgres(tmp_path / "new"))
    with pytest.raises(Transient) as caught:
        store.count_waiting()
    assert caught.value.reason == "store_failed"
    store.db.close()


def test_a_database_that_only_reads_is_refused_at_the_start(opened: Opened) -> None:
    store = opened()
    with store.db._lent() as db:  # type: ignore[attr-defined]
        db.execute("SET default_transaction_read_only = on")
    with pytest.raises(Misconfigured, match="read-only transaction"):
        store.db.prove()


def test_a_rule_that_is_broken_is_told_without_the_values(opened: Opened) -> None:
    store = opened()
    linked(store)
    with pytest.raises(Taken) as caught:
        linked(store)
    assert "a1" not in str(caught.value)


def test_a_text_with_a_nul_is_kept_and_found_again(opened: Opened) -> None:
    store = opened()
    hook(store, "n\0n")
    hook(store, "n\0n")
    assert store.count_waiting() == 1


@pytest.mark.parametrize(("durable", "synced"), [(True, "on"), (False, "off")])
def test_what_must_be_durable_is_synced(
    postgres: Callable[[Path], str], tmp_path: Path, durable: bool, synced: str
) -> None:
    store = Store(postgres(tmp_path))
    assert isinstance(store.db, Postgres)
    with store.db.transaction(durable), store.db._lent() as db:
        assert db.execute("SHOW synchronous_commit").fetchone()[0] == synced
    store.db.close()
