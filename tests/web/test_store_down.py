"""When a delivery cannot be put on disk, the vendor is asked to come again, and nothing is half kept."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from bridge.store import Store
from bridge.store.store import Intake
from bridge.web import create_app, receiver
from tests.store.raw import raw
from tests.web.toy import Parts, Polite, Toy, counted, hook, read_only, rows, set_on_each, toy


def full_disk(store: Store) -> None:
    set_on_each(store, f"max_page_count = {raw(store).execute('PRAGMA page_count').fetchone()[0]}")


def locked(store: Store) -> None:
    set_on_each(store, "busy_timeout = 50")
    other = sqlite3.connect(store.db.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    store.holder = other  # type: ignore[attr-defined]


def no_schema(store: Store) -> None:
    raw(store).execute("ALTER TABLE delivery RENAME TO gone")


@pytest.mark.parametrize("break_it", [full_disk, read_only, locked])
def test_nothing_is_stored_and_the_vendor_comes_again(
    bridge: Parts, client: FlaskClient, break_it: Callable[[Store], None]
) -> None:
    assert client.post("/webhooks/open", data=hook("1")).status_code == 200
    break_it(bridge.store)
    big = hook("2", note="x" * 15_000)
    answer = client.post("/webhooks/open", data=big)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert client.post("/webhooks/polite", data=big).status_code == 429
    assert len(rows(bridge.store.db.path)) == 1
    assert counted(client.application) == {
        ("open", "delivery", "accepted"): 1, ("open", "delivery", "busy"): 1, ("polite", "delivery", "busy"): 1
    }  # fmt: skip
    if break_it is locked:
        bridge.store.holder.close()  # type: ignore[attr-defined]
        assert client.post("/webhooks/open", data=big).status_code == 200


def test_a_missing_table_is_busy_too(bridge: Parts, client: FlaskClient) -> None:
    no_schema(bridge.store)
    assert client.post("/webhooks/open", data=hook("1")).status_code == 503


def test_a_commit_that_fails_is_not_acknowledged(bridge: Parts) -> None:
    class Dying(Store):
        def accept(self, *args: Any, **kwargs: Any) -> str:
            with self.db.transaction():
                super().accept(*args, **kwargs)
                raise sqlite3.OperationalError("disk I/O error")

    bridge.store = Dying(bridge.store.db.path)
    bridge.store.db.transaction = nested(bridge.store.db.transaction)  # type: ignore[method-assign]
    answer = create_app(bridge).test_client().post("/webhooks/open", data=hook("1"))
    assert answer.status_code == 503
    assert rows(bridge.store.db.path) == []
    bridge.store.db.close()


def nested(transaction: Any) -> Any:
    """Let the inner transaction be part of the outer one, so that the failure falls between insert and commit."""
    depth = 0

    @contextlib.contextmanager
    def begin(durable: bool = True) -> Any:
        nonlocal depth
        depth += 1
        try:
            if depth > 1:
                yield
            else:
                with transaction(durable):
                    yield
        finally:
            depth -= 1

    return begin


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), sqlite3.DatabaseError("malformed")])
def test_other_failures_of_the_disk_are_busy(bridge: Parts, client: FlaskClient, error: Exception) -> None:
    def fail(*args: Any, **kwargs: Any) -> str:
        raise error

    bridge.store.accept = fail  # type: ignore[method-assign]
    assert client.post("/webhooks/open", data=hook("1")).status_code == 503


def test_a_full_queue_is_busy_and_counted_only_now_and_then(
    bridge: Parts, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "WAITING_MAX", 3)
    counted: list[int] = []
    really = bridge.store.count_waiting
    monkeypatch.setattr(bridge.store, "count_waiting", lambda: counted.append(1) or really())
    bridge.at = 1_000_000
    assert [client.post("/webhooks/open", data=hook(str(i))).status_code for i in range(6)] == [200] * 6
    assert len(counted) == 1
    bridge.at += 1_000
    assert client.post("/webhooks/polite", data=hook("7")).status_code == 429
    for waiting in bridge.store.waiting():
        bridge.store.become_looks([Intake(waiting.id, [], "not linked")])
    bridge.at += 1_000
    assert client.post("/webhooks/polite", data=hook("7")).status_code == 200
    assert len(counted) == 3


@pytest.mark.parametrize(("kind", "status"), [(Toy, 503), (Polite, 429)])
def test_a_defect_of_the_bridge_makes_the_vendor_come_again(
    bridge: Parts, kind: type[Toy], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(kind):  # type: ignore[valid-type,misc]
        def delivery_id(self, inbound: Any) -> str | None:
            raise KeyError("body with +84 912 345 678")

    bridge.connectors["open"] = toy("open", Broken)
    answer = create_app(bridge).test_client().post("/webhooks/open", data=hook("1"))
    assert answer.status_code == status
    assert "345" not in answer.text + caplog.text
    (defect,) = [r for r in caplog.records if r.message == "web.defect"]
    assert defect.__dict__["fields"]["trace"].endswith("delivery_id > KeyError")
