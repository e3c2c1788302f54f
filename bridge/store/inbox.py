"""How deliveries are kept: those that come in while the disk syncs are one transaction, and one sync, together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.store.engine import Engine

HEARD_MS = 1_000


@dataclass(frozen=True)
class Delivery:
    """A verified webhook as it is kept. dedupe_key: unique within the connection. query: JSON. at: epoch ms."""

    id: str
    connection: str
    dedupe_key: str
    at: int
    method: str
    query: str
    content_type: str
    body: bytes


@dataclass
class _Asked:
    """
    One thread and what it wants to be kept. told: held until the thread is to go on. leads: it is to commit for all
    who wait. error: why nothing was kept.
    """

    delivery: Delivery
    told: Any = field(default_factory=threading.Lock)
    leads: bool = False
    new: bool = False
    error: BaseException | None = None


class Inbox:
    """
    The threads that come while one of them commits wait, and the next transaction is for all of them.

    It needs no thread of its own, which would have to start after a fork and to end without losing what waits: who
    finds nobody at it commits, and then hands on to one of those who have come since.
    """

    def __init__(self, db: Engine) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._waiting: list[_Asked] = []
        self._committing = False
        self._heard: dict[str, int] = {}

    def accept(self, delivery: Delivery) -> bool:
        """
        Return, once it is on disk, whether a delivery is new; False: it repeats a known one, and changes nothing.

        Raises what the transaction raised, in each thread that waited for it.
        """
        mine = _Asked(delivery)
        mine.told.acquire()
        with self._lock:
            self._waiting.append(mine)
            mine.leads, self._committing = not self._committing, True
        if not mine.leads:
            mine.told.acquire()
        if mine.leads:
            self._commit()
        if mine.error is not None:
            raise mine.error
        return mine.new

    def _commit(self) -> None:
        """Commit for all who wait when the transaction has begun; tell them, and let the next thread lead."""
        batch: list[_Asked] = []
        try:
            with self._db.transaction():
                batch = self._all()
                heard = self._keep(batch)
        except BaseException as error:  # noqa: BLE001  each raises it in its own thread
            batch = batch or self._all()
            for each in batch:
                each.error = error
        else:
            self._heard.update(heard)
        finally:
            self._hand_on()
            for each in batch:
                each.told.release()
        if any(each.new for each in batch if each.error is None):
            self._db.wake()

    def _all(self) -> list[_Asked]:
        with self._lock:
            batch, self._waiting = self._waiting, []
        return batch

    def _keep(self, batch: Sequence[_Asked]) -> dict[str, int]:
        """
        Insert in the order of the keys, in which no two processes can wait for each other.

        Return the connections whose time of the last webhook was written; that feeds a page, so not for each webhook.
        """
        ordered = sorted(batch, key=lambda each: (each.delivery.connection, each.delivery.dedupe_key))
        new = {row["id"] for row in self._db.insert("accept", [vars(each.delivery) for each in ordered])}
        for each in ordered:
            each.new = each.delivery.id in new
        latest = {each.delivery.connection: each.delivery.at for each in ordered}
        heard = {c: at for c, at in latest.items() if abs(at - self._heard.get(c, -HEARD_MS)) >= HEARD_MS}
        self._db.many("heard", [{"connection": connection, "at": at} for connection, at in heard.items()])
        return heard

    def _hand_on(self) -> None:
        with self._lock:
            self._committing = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].told.release()
