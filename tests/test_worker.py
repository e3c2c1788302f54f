"""The worker's own decisions: what it does with defects, with vendors that are away, and at the end."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bridge.connectors.base import Account, Inbound, Lists, Page
from bridge.connectors.budget import Budget
from bridge.connectors.memory import Habits, Memory, MemoryVendor
from bridge.core import rules
from bridge.core.errors import Disconnected, Transient
from bridge.core.grants import Ask, Grant, Limits
from bridge.core.model import FOREVER, Look, Record, Ref
from bridge.flow import Flow
from bridge.sides import Connection
from bridge.store import CURE, Claim, Store
from bridge.sweep import Swept
from bridge.worker import ANSWERED_MS, LISTS_MS, LISTS_RETRY_MS, PRUNE_S, STORE_WAIT_S, SWEEP_RETRY_S, Worker
from tests.store.raw import raw, writer

FIELDS = {"name": "One", "amount": "10", "stage": None, "owner": None, "probability": 5, "expected_close": None}


def epoch_ms() -> int:
    return int(time.time() * 1000)


def made(path: Path | str) -> tuple[Worker, dict[str, MemoryVendor], dict[str, Memory]]:
    store = Store(path)
    store.migrate()
    vendors = {n: MemoryVendor(epoch_ms, Habits(), Random(1)) for n in ("a", "b")}
    connectors = {n: Memory(Account(n, "", {"secret": "s"}), here=v) for n, v in vendors.items()}
    for n, vendor in vendors.items():
        vendor.add(f"{n}1", {**FIELDS, "description": ""})
    habits = rules.Habits(timeout=5_000, react=0, scan=0)
    connections = {n: Connection(c, habits, i) for i, (n, c) in enumerate(connectors.items())}
    flow = Flow(store, connections, {}, now=epoch_ms, dice=lambda: 0.0)
    store.link([Ref("a", "a1"), Ref("b", "b1")], epoch_ms())
    return Worker(flow, {}, threads=2), vendors, connectors


def test_a_defect_is_put_away_with_its_place_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, _, connectors = made(tmp_path / "b.db")

    def defect(ref: Ref) -> Record | None:
        raise ZeroDivisionError("a value that must not be seen")

    monkeypatch.setattr(connectors["a"], "read", defect)
    assert worker.step("w") is True
    store = worker.flow.store
    assert store.claim("other", epoch_ms(), 1000) is None
    holds = {h["connection"]: h["reason"] for h in store.holds()}
    assert holds == {"a": "a defect of the bridge", "b": "a defect of the bridge"}
    link = store.all_refs()[0][0]
    details = [a["detail"] for a in store.attempts(link, 5)]
    assert any("ZeroDivisionError" in d for d in details) and not any("must not be seen" in d for d in details)


def test_a_sweep_with_dead_credentials_pauses_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, _, connectors = made(tmp_path / "b.db")
    worker.scans = {"a": 60.0}

    def refused(cursor: str | None) -> Page:
        raise Disconnected("unauthorized", "HTTP 401")

    monkeypatch.setattr(connectors["a"], "scan", refused)
    assert worker.sweep_once("a") == SWEEP_RETRY_S
    assert worker.flow.store.connections()["a"]["paused_until"] == FOREVER
    monkeypatch.undo()
    assert worker.sweep_once("a") == SWEEP_RETRY_S, "a paused connection is not swept"


def test_a_sweep_comes_again_when_the_vendor_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, _, connectors = made(tmp_path / "b.db")
    worker.scans = {"a": 60.0}

    def busy(cursor: str | None) -> Page:
        raise Transient("throttled", "HTTP 429", after_s=7.0, whole=True)

    monkeypatch.setattr(connectors["a"], "scan", busy)
    assert worker.sweep_once("a") == 7.0


def two_workers(path: Path) -> tuple[Worker, Worker, MemoryVendor]:
    """Return the workers of two processes on one store."""
    one, vendors, _ = made(path)
    other = Worker(one.flow, {"a": 60.0}, name="another")
    one.scans = {"a": 60.0}
    return one, other, vendors["a"]


def test_a_connection_is_swept_by_one_process_and_not_again_by_one_that_starts(tmp_path: Path) -> None:
    one, other, _ = two_workers(tmp_path / "b.db")
    during: list[float] = []
    one.swept = lambda connection, found: during.append(other.sweep_once(connection))
    found: list[Swept] = []
    other.swept = lambda connection, swept: found.append(swept)
    assert one.sweep_once("a") == 60.0
    assert 59.0 < during[0] <= 60.0 and 59.0 < other.sweep_once("a") <= 60.0 and found == []
    other.scans = {"a": 0.001}
    time.sleep(0.002)
    assert (other.sweep_once("a"), len(found)) == (0.001, 1)


@pytest.mark.parametrize("at", [1_750_000_000_123, 1_750_000_000_457, 1_750_000_211_001])
def test_who_comes_too_early_for_a_sweep_waits_whole_milliseconds_and_does_not_spin(tmp_path: Path, at: int) -> None:
    worker, _, _ = two_workers(tmp_path / "b.db")
    worker.flow.store.swept("a", at)
    for early_ms in (0, 1, 2, 59_999):
        worker.flow.now = lambda late=at + 60_000 - early_ms: late  # type: ignore[misc]
        assert worker._until_sweep_s("a") == early_ms / 1000


def test_a_connection_that_another_process_sweeps_is_left_to_it(tmp_path: Path) -> None:
    one, other, _ = two_workers(tmp_path / "b.db")
    store = one.flow.store
    assert store.lease_sweep("a", "a third", epoch_ms(), 60_000, before=epoch_ms())
    assert one.sweep_once("a") == SWEEP_RETRY_S
    store.release_sweep("a", "a third")
    assert other.sweep_once("a") == 60.0


def test_a_sweeper_that_lost_its_lease_stops_and_leaves_the_other_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _, _ = two_workers(tmp_path / "b.db")
    store, connector = one.flow.store, one.flow.connections["a"].connector

    def slow(cursor: str | None) -> Page:
        assert store.lease_sweep("a", "another", epoch_ms() + 61_000, 60_000, before=epoch_ms())
        return Page([], "2")

    monkeypatch.setattr(connector, "scan", slow)
    assert one.sweep_once("a") == SWEEP_RETRY_S
    assert store.connections()["a"]["swept_at"] is None
    assert store.renew_sweep("a", "another", epoch_ms(), 60_000)


def test_a_sweep_ends_at_the_next_page_when_the_worker_is_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, _ = two_workers(tmp_path / "b.db")

    def endless(cursor: str | None) -> Page:
        one.stop.set()
        return Page([], f"{cursor}x")

    monkeypatch.setattr(one.flow.connections["a"].connector, "scan", endless)
    one.sweep_once("a")
    monkeypatch.undo()
    assert other.sweep_once("a") == 60.0, "the lease was given back"


def test_after_a_sweep_that_failed_the_other_processes_wait_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, _ = two_workers(tmp_path / "b.db")

    def busy(cursor: str | None) -> Page:
        raise Transient("throttled", "HTTP 429", after_s=45.0, whole=True)

    monkeypatch.setattr(one.flow.connections["a"].connector, "scan", busy)
    assert one.sweep_once("a") == 45.0
    monkeypatch.undo()
    assert other.sweep_once("a") == SWEEP_RETRY_S, "nobody sweeps before the vendor wants it"


def test_a_worker_gives_its_budgets_back_when_they_are_over_and_at_the_end(tmp_path: Path) -> None:
    worker, _, _ = made(tmp_path / "b.db")
    store, limits = worker.flow.store, Limits(10, 60_000, 4, 60_000)

    def grants(ask: Ask) -> Grant:
        return store.draw("a", "p", ask, limits, epoch_ms())

    def counted() -> int:
        rows = store.db.run("budget", connection="a")
        return sum(row["calls"] for row in json.loads(rows[0]["shares"]))

    budget = Budget(10, 60.0, 4, grants=grants)
    worker.budgets = {"a": budget}
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 20
    for _ in range(2):
        budget.enter()
        budget.leave(True)
        assert counted() > 0
        while counted() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert counted() == 0
    budget.enter()
    budget.leave(True)
    worker.stop.set()
    thread.join(25)
    assert counted() == 0


def test_a_sweep_that_cannot_be_stored_names_the_cure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    worker, _, _ = made(tmp_path / "b.db")
    worker.scans = {"a": 60.0}
    writer(worker.flow.store).execute("PRAGMA query_only = 1")
    assert worker._patiently(lambda: worker.sweep_once("a")) == STORE_WAIT_S
    [said] = [r.__dict__["fields"] for r in caplog.records]
    assert (said["reason"], said["cure"]) == ("store_failed", CURE)
    assert worker._patiently(lambda: worker.sweep_once("a")) == SWEEP_RETRY_S  # its lease still runs


def test_a_delivery_that_meets_a_defect_does_not_stop_those_behind_it(tmp_path: Path) -> None:
    worker, _, connectors = made(tmp_path / "b.db")
    kept: dict[str, Any] = {"method": "POST", "query": {}, "content_type": "application/json"}
    poison = worker.flow.store.accept("a", None, 1, **kept, body=b"poison")
    fine = worker.flow.store.accept("a", None, 2, **kept, body=b'{"id": "a1"}')
    real = connectors["a"].touched

    def touched(inbound: Inbound) -> list[Ref]:
        if inbound.body == b"poison":
            raise RecursionError
        return real(inbound)

    connectors["a"].touched = touched  # type: ignore[method-assign]
    assert worker.take_in() == 2
    told = {d["id"]: (d["state"], d["outcome"]) for d in worker.flow.store.page_of_deliveries(9)}
    assert told == {poison: ("done", "dead: defect"), fine: ("looking", "")}


def test_the_worker_carries_an_edit_and_stops_when_told(tmp_path: Path) -> None:
    worker, vendors, _ = made(tmp_path / "b.db")
    worker.scans = {"a": 0.05}
    ended: list[bool] = []
    thread = threading.Thread(target=lambda: ended.append(worker.run()))
    thread.start()
    deadline = time.monotonic() + 20
    while vendors["b"].reads == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    vendors["a"].person("a1", name="Two")
    while vendors["b"].current("b1")["name"] != "Two" and time.monotonic() < deadline:
        time.sleep(0.01)
    worker.stop.set()
    thread.join(25)
    assert ended == [True]
    assert vendors["b"].current("b1")["name"] == "Two"
    assert len(vendors["b"].applied) == 1 and not vendors["a"].applied


def test_a_store_that_fails_for_a_while_ends_no_thread(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    worker, vendors, _ = made(tmp_path / "b.db")
    worker.scans = {"a": 0.05}
    db = worker.flow.store.db
    tables = ("delivery", "connection")
    for table in tables:
        raw(worker.flow.store).execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 20
    while len(caplog.records) < 3 and time.monotonic() < deadline:  # two that work, and the sweeper
        time.sleep(0.01)
    for table in tables:
        raw(worker.flow.store).execute(f"ALTER TABLE {table}_gone RENAME TO {table}")
    while vendors["b"].reads == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    vendors["a"].person("a1", name="Two")
    while vendors["b"].current("b1")["name"] != "Two" and time.monotonic() < deadline:
        time.sleep(0.01)
    worker.stop.set()
    thread.join(25)
    assert vendors["b"].current("b1")["name"] == "Two"
    failed = [r.__dict__["fields"] for r in caplog.records if r.message == "worker.store"]
    assert len(failed) >= 3 and {(f["reason"], f["where"], f["cure"]) for f in failed} == {
        ("store_failed", db.path, CURE)
    }


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_an_idle_worker_is_woken_by_what_another_process_stores(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.worker.IDLE_S", 3.0)
    address = tmp_path / "b.db" if engine == "sqlite" else request.getfixturevalue("postgres")(tmp_path)
    worker, vendors, _ = made(address)
    web = Store(address)
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 20
    listening = worker.flow.store.db._bell
    while (listening._ear is None or web.next_look() is not None) and time.monotonic() < deadline:
        time.sleep(0.01)  # an edit before the first look is over would be taken for the start
    vendors["a"].person("a1", name="Two")
    link, started = web.all_refs()[0][0], time.monotonic()
    web.look(link, [Look(Ref("a", "a1"), epoch_ms(), "sweep")])
    while vendors["b"].current("b1")["name"] != "Two" and time.monotonic() < deadline:
        time.sleep(0.01)
    took_s = time.monotonic() - started
    worker.stop.set()
    thread.join(25)
    web.db.close()
    worker.flow.store.db.close()
    assert vendors["b"].current("b1")["name"] == "Two" and took_s < 2.0


def test_pruning_is_tried_again_when_the_store_fails(tmp_path: Path) -> None:
    worker, _, _ = made(tmp_path / "b.db")
    writer(worker.flow.store).execute("PRAGMA query_only = 1")
    assert worker._patiently(worker._prune_once) == STORE_WAIT_S
    assert worker._patiently(worker._prune_once) == PRUNE_S


def test_pruning_forgets_what_was_answered_a_day_ago(tmp_path: Path) -> None:
    worker, _, _ = made(tmp_path / "b.db")
    store, now = worker.flow.store, worker.flow.now()
    for key, at in (("old", now - ANSWERED_MS - 1), ("new", now - ANSWERED_MS + 60_000)):
        store.begin_request("t", key, "r", at, forgotten=0, given_up=0)
    worker._prune_once()
    assert store.answered("t", "old") is None and store.answered("t", "new") is not None


def test_a_thread_that_waits_for_a_slow_crm_keeps_no_delivery_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, vendors, connectors = made(tmp_path / "b.db")
    flow, real = worker.flow, worker.flow.work
    for n in range(2, 12):
        for side, vendor in vendors.items():
            vendor.add(f"{side}{n}", {**FIELDS, "description": ""})
        flow.store.link([Ref("a", f"a{n}"), Ref("b", f"b{n}")], epoch_ms())
    stuck, goes_on = threading.Event(), threading.Event()

    def work(claim: Claim) -> None:
        if claim.owner.endswith("-0"):  # type: ignore[attr-defined]
            stuck.set()
            goes_on.wait(20)
        real(claim)

    claims = flow.claim

    def claim(owner: str) -> Claim | None:
        found = claims(owner)
        if found is not None:
            found.owner = owner  # type: ignore[attr-defined]
        return found

    monkeypatch.setattr(flow, "claim", claim)
    monkeypatch.setattr(flow, "work", work)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert stuck.wait(20)
    hook = connectors["a"].hook("a1")
    flow.store.accept("a", None, epoch_ms(), method="POST", query={}, content_type="application/json", body=hook.body)
    deadline = time.monotonic() + 5
    while flow.store.count_waiting() and time.monotonic() < deadline:
        time.sleep(0.01)
    waiting = flow.store.count_waiting()
    goes_on.set()
    worker.stop.set()
    thread.join(25)
    assert waiting == 0


def test_what_people_ask_is_answered_by_one_worker_and_lists_are_read_daily(tmp_path: Path) -> None:
    worker, vendors, _ = made(tmp_path / "b.db")
    vendors["a"].habits.offers = {"stage": {"s1": "New"}}
    store, now = worker.flow.store, [epoch_ms()]
    worker.flow.now = lambda: now[0]
    worker.attend_once("a")
    first = store.wishes()["a", "lists"]
    assert first["ok"] and store.lists("a")
    store.wish("a", "test", now[0])
    worker.attend_once("b")
    assert store.wishes()["a", "test"]["answered_at"] is None
    worker.attend_once("a")
    assert store.wishes()["a", "test"]["ok"]
    now[0] += LISTS_MS - 1
    worker.attend_once("a")
    assert store.wishes()["a", "lists"] == first
    now[0] += 1
    store.pause("a", "by hand")
    worker.attend_once("a")
    assert store.wishes()["a", "lists"] == first
    store.resume("a", now[0])
    worker.attend_once("a")
    assert store.wishes()["a", "lists"]["answered_at"] == now[0]


def test_lists_that_could_not_be_read_are_tried_again_in_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, _, connectors = made(tmp_path / "b.db")
    store, now = worker.flow.store, [epoch_ms()]
    worker.flow.now = lambda: now[0]

    def refused() -> Lists:
        raise Transient("server_error", "HTTP 502")

    monkeypatch.setattr(connectors["a"], "lists", refused)
    worker.attend_once("a")
    kept = store.wishes()["a", "lists"]
    assert (kept["ok"], kept["said"]) == (False, ["server_error: HTTP 502"])
    monkeypatch.undo()
    worker.attend_once("a")
    assert store.wishes()["a", "lists"] == kept
    now[0] += LISTS_RETRY_MS
    worker.attend_once("a")
    assert store.wishes()["a", "lists"]["ok"]


def test_a_defect_in_an_answer_is_told_and_asked_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, _, connectors = made(tmp_path / "b.db")
    store, asked = worker.flow.store, []

    def defect() -> list[str]:
        asked.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr(connectors["a"], "check", defect)
    store.wish("a", "test", epoch_ms())
    for _ in range(3):
        worker.attend_once("a")
    kept = store.wishes()["a", "test"]
    assert not kept["ok"] and "defect" in kept["said"][0] and len(asked) == 1


def test_a_sweep_that_is_asked_for_comes_within_seconds(tmp_path: Path) -> None:
    one, other, _ = two_workers(tmp_path / "b.db")
    store, found = one.flow.store, list[Swept]()
    other.swept = lambda connection, swept: found.append(swept)
    one.sweep_once("a")
    other.attend_once("a")
    other.attend_once("a")
    assert found == []
    store.want_sweep("a")
    other.attend_once("a")
    other.attend_once("a")
    assert len(found) == 1


def test_what_wants_attention_is_seen_and_nothing_else(tmp_path: Path) -> None:
    one, other, _ = two_workers(tmp_path / "b.db")
    store = one.flow.store
    assert other.wanting() == ["a", "b"], "no list has been read yet"
    for connection in ("a", "b"):
        other.attend_once(connection)
    assert other.wanting() == []
    store.wish("b", "test", epoch_ms())
    store.wish("gone from the settings", "test", epoch_ms())
    assert other.wanting() == ["b"]
    other.attend_once("b")
    one.sweep_once("a")
    assert other.wanting() == []
    store.want_sweep("a")
    assert other.wanting() == ["a"]
    store.pause("a", "by hand")
    assert other.wanting() == []


def test_a_running_worker_does_what_is_asked_and_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, _, _ = made(tmp_path / "b.db")
    worker.attends = True
    monkeypatch.setattr("bridge.worker.ATTEND_S", 0.01)
    ended: list[bool] = []
    running = threading.Thread(target=lambda: ended.append(worker.run()))
    running.start()
    store = worker.flow.store
    store.wish("a", "test", epoch_ms())
    deadline = time.monotonic() + 30
    while len(store.wishes()) < 3 or any(row["answered_at"] is None for row in store.wishes().values()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker.stop.set()
    running.join()
    assert ended == [True]
