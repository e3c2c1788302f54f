"""What happens to a webhook: is it at the right address, is it genuine, is it on disk, what does the vendor hear."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from bridge.connectors.base import Connector, Inbound, Outcome, Reply
from bridge.core.errors import BridgeError, Forged, Transient
from bridge.core.redact import Redactor
from bridge.core.signature import same_secret
from bridge.desk import Desk
from bridge.log import Fields, log_event, trace_of
from bridge.store import STORE_FAILED, Store
from bridge.store.tally import Tally

WAITING_MAX = 10_000
RECOUNT_MS = 1_000
KEY_CHARS_MAX = 200
CONTENT_TYPE_CHARS_MAX = 200


class Bridge(Protocol):
    """
    What the web layer needs of the assembled bridge.

    path_secrets: by connection; a connection without one has none in its address. secret_values: every secret that
    must not be stored or logged. proxies: how many proxies stand in front and set X-Forwarded-*; 0 believes none.
    """

    @property
    def store(self) -> Store: ...
    @property
    def connectors(self) -> Mapping[str, Connector]: ...
    @property
    def desk(self) -> Desk: ...
    @property
    def path_secrets(self) -> Mapping[str, str]: ...
    @property
    def secret_values(self) -> Collection[str]: ...
    @property
    def body_bytes_max(self) -> int: ...
    @property
    def proxies(self) -> int: ...

    def now(self) -> int:
        """Return the time in epoch milliseconds."""


class Receiver:
    """
    Takes in the webhooks of all connections. tally: how each ended. counted: to be told that there is something in it.
    """

    def __init__(self, bridge: Bridge) -> None:
        self.connectors = bridge.connectors
        self.tally = Tally()
        self.counted: Callable[[], None] = lambda: None
        self._bridge = bridge
        self._redactor = Redactor([*bridge.secret_values, *bridge.path_secrets.values()])
        self._waiting = 0
        self._counted_at: int | None = None

    def receive(self, connection: str, path_secret: str | None, inbound: Inbound) -> Reply:
        """
        Return what the vendor is to hear about a request to the address of a known connection.

        `accepted` is said only of what is on disk. Repeating is safe.
        """
        connector = self.connectors[connection]
        try:
            self._check_address(connection, path_secret)
            answer = connector.handshake(inbound)
            if answer is not None:
                self._count(connection, "handshake")
                return answer
            connector.verify(inbound)
            self.accept(connection, connector.delivery_id(inbound), inbound)
        except Forged as error:
            return self._refuse(connection, "forged", error.reason)
        except BridgeError as error:
            return self._refuse(connection, "busy", error.reason, error.detail)
        except (sqlite3.Error, OSError) as error:
            return self._refuse(connection, "busy", STORE_FAILED, f"{type(error).__name__}: {error}")
        self._count(connection, "accepted")
        log_event("delivery.accepted", connection=connection, bytes=len(inbound.body))
        return connector.reply("accepted")

    def accept(self, connection: str, delivery_id: str | None, inbound: Inbound) -> None:
        """
        Put a verified delivery on disk, without secrets, before returning; a repeat changes nothing.

        Raises Transient when the queue is full, and whatever the store raises when it cannot.
        """
        now, clean = self._bridge.now(), self._redactor
        self._check_room(now)
        self._bridge.store.accept(
            connection,
            None if delivery_id is None else _key(clean.text(delivery_id)),
            now,
            method=inbound.method,
            query={clean.text(name): clean.text(value) for name, value in inbound.query.items()},
            content_type=clean.text(inbound.headers.get("content-type", ""))[:CONTENT_TYPE_CHARS_MAX],
            body=clean.bytes(inbound.body),
        )

    def defect(self, connection: str, error: BaseException) -> Reply:
        """Return the answer to a delivery that a defect of the bridge stopped: the vendor should come again."""
        self._count(connection, "defect")
        log_event("web.defect", level=logging.ERROR, connection=connection, trace=trace_of(error))
        return self.connectors[connection].reply("busy")

    def _check_address(self, connection: str, given: str | None) -> None:
        """The address is exactly the configured one: with the path secret if there is one, else without any."""
        wanted = self._bridge.path_secrets.get(connection)
        if not (same_secret(given, wanted) if wanted else given is None):
            raise Forged("wrong_path_secret")

    def _check_room(self, now: int) -> None:
        """Count what waits, at most once in RECOUNT_MS: a flood may overshoot by what one such time brings."""
        if self._counted_at is None or abs(now - self._counted_at) >= RECOUNT_MS:
            self._waiting, self._counted_at = self._bridge.store.count_waiting(), now
        if self._waiting > WAITING_MAX:
            raise Transient("queue_full", f"{self._waiting} deliveries wait; is the worker running?")

    def _refuse(self, connection: str, outcome: Outcome, reason: str, detail: str = "") -> Reply:
        self._count(connection, outcome)
        level = logging.WARNING if outcome == "forged" else logging.ERROR
        said: Fields = {"connection": connection, "reason": reason, "detail": detail}
        if reason == STORE_FAILED:
            said |= {"where": self._bridge.store.db.path, "cure": self._bridge.store.db.cure}
        log_event(f"delivery.{outcome}", level=level, **said)
        return self.connectors[connection].reply(outcome)

    def _count(self, connection: str, outcome: str) -> None:
        self.tally.add([((connection, "delivery", outcome), 1)])
        self.counted()


def _key(delivery_id: str) -> str:
    """Return an id fit for the unique column: valid UTF-8 and of bounded length."""
    valid = delivery_id.encode("utf-8", "backslashreplace")
    if len(valid) > KEY_CHARS_MAX:
        return "sha256:" + hashlib.sha256(valid).hexdigest()
    return valid.decode()
