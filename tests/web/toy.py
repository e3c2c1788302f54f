"""A small vendor, a bridge put together by hand, and the application that gunicorn serves in the test."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from flask import Flask

from bridge.connectors.base import (
    Account,
    Connector,
    Inbound,
    Outcome,
    Page,
    Reply,
    json_object,
    nudged,
    verify_nudge,
)
from bridge.connectors.lists import Custom, Listed, Lists
from bridge.core.errors import Forged
from bridge.core.fields import Field
from bridge.core.model import Native, Record, Ref
from bridge.core.rules import Habits
from bridge.core.signature import same_secret
from bridge.desk import Desk
from bridge.log import configure_logging
from bridge.settings import ConnectionSettings, Settings
from bridge.sides import Connection
from bridge.store import Store
from bridge.store.tally import Counted
from bridge.web import create_app
from bridge.web.counting import Counting
from tests.connectors.recorder import OpenGate, Recorder

SECRET = 'hook "täst"/+&%\\secret'
PATH_SECRET = "p4th-s3cret-0123456789"
API_KEY = "toy-api-key-7f3a"


class Toy(Connector):
    """Takes JSON with the secret in the body, or a nudge; `X-Toy: ping` only tests the address."""

    vendor = "toy"
    secrets: ClassVar[Mapping[str, str]] = {"hook_secret": "shared with the webhook"}

    def headers(self) -> Mapping[str, str]:
        return {}

    def table(self) -> tuple[Field, ...]:
        return ()

    def verify(self, inbound: Inbound) -> None:
        if verify_nudge(inbound, self.secret("hook_secret")):
            return
        given = json_object(inbound.body).get("secret") or inbound.query.get("secret")
        if not same_secret(given if isinstance(given, str) else None, self.secret("hook_secret")):
            raise Forged("wrong_secret")

    def touched(self, inbound: Inbound) -> list[Ref]:
        given = nudged(inbound) or json_object(inbound.body).get("deal")
        return [Ref(self.account.connection, str(given))] if given else []

    def delivery_id(self, inbound: Inbound) -> str | None:
        given = json_object(inbound.body).get("event")
        return given if isinstance(given, str) else None

    def handshake(self, inbound: Inbound) -> Reply | None:
        if inbound.headers.get("x-toy") == "ping":
            return Reply(200, '{"pong": true}', "application/json", {"X-Toy": "pong"})
        return super().handshake(inbound)

    def read(self, ref: Ref) -> Record | None:
        raise AssertionError("a webhook never calls the vendor")

    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        raise AssertionError("a webhook never calls the vendor")

    def scan(self, cursor: str | None) -> Page:
        raise AssertionError("a webhook never calls the vendor")

    def check(self) -> list[str]:
        return []

    def lists(self) -> Lists:
        return Lists([Listed("stage", "8/31", "Sales / New")], [Custom("c1", "Budget", "number")])

    def steps(self, address: str) -> list[str]:
        return [f"Paste {address} and {self.hook_value()}."]


class Polite(Toy):
    """A vendor that wants 200 for a forged call and 429 when it should come again."""

    def reply(self, outcome: Outcome) -> Reply:
        status = {"accepted": 200, "forged": 200, "busy": 429}[outcome]
        return Reply(
            status, json.dumps({"Status": "Success" if outcome == "accepted" else "Error"}), "application/json"
        )


@dataclass
class Parts:
    """The bridge as the web layer sees it."""

    store: Store
    connectors: dict[str, Connector]
    path_secrets: dict[str, str] = field(default_factory=lambda: {"guarded": PATH_SECRET})
    secret_values: list[str] = field(default_factory=lambda: [SECRET, API_KEY])
    body_bytes_max: int = 20_000
    proxies: int = 0
    at: int | None = None

    @property
    def desk(self) -> Desk:
        connections = {name: Connection(c, Habits(), i) for i, (name, c) in enumerate(self.connectors.items())}
        limits = {"threads": 1, "retention_days": 14, "body_bytes_max": self.body_bytes_max}
        known = {name: self._settings(c, i) for i, (name, c) in enumerate(self.connectors.items())}
        settings = Settings(database="", public_url="https://bridge.example", connections=known, policies={}, **limits)
        return Desk(self.store, connections, settings, self.now)

    def _settings(self, connector: Connector, order: int) -> ConnectionSettings:
        account = connector.account
        plain = ConnectionSettings(
            account.connection, "toy", account.base_url, order, True, "UTC", "", 2, 1.0, 4, Habits()
        )
        secret = self.path_secrets.get(account.connection, "")
        return replace(plain, secrets=account.secrets, path_secret=secret)

    def now(self) -> int:
        return time.time_ns() // 1_000_000 if self.at is None else self.at


def toy(name: str, kind: type[Toy] = Toy, secret: str = SECRET) -> Toy:
    account = Account(name, "https://toy.example", {"hook_secret": secret})
    return kind(account, transport=Recorder(), gate=OpenGate())


def parts(path: Path) -> Parts:
    store = Store(path)
    store.migrate()
    return Parts(
        store,
        {
            "open": toy("open"),
            "guarded": toy("guarded"),
            "polite": toy("polite", Polite),
            "mute": toy("mute", secret=""),
            "nudged": toy("nudged", secret=API_KEY),
        },
    )


def hook(deal: str = "7", event: str | None = None, **more: object) -> bytes:
    """Return the body of a genuine webhook."""
    body = {"secret": SECRET, "deal": deal, **({"event": event} if event else {}), **more}
    return json.dumps(body).encode()


def rows(path: Path | str) -> list[sqlite3.Row]:
    """Return the deliveries that are on disk, seen from outside."""
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        found = db.execute("SELECT * FROM delivery ORDER BY id").fetchall()
    db.close()
    return found


def served() -> Flask:
    """What gunicorn runs in the test; the file is named by TOY_DB."""
    bridge = parts(Path(os.environ["TOY_DB"]))
    configure_logging([SECRET, PATH_SECRET])
    app = create_app(bridge)
    receiver = app.extensions["receiver"]
    receiver.counted = Counting(receiver.tally, bridge.store).begin
    return app


def counted(app: Flask) -> dict[Counted, int]:
    """Return what the application has counted and not told its store."""
    store = Store(":memory:")
    store.migrate()
    app.extensions["receiver"].tally.flush(store)
    return store.tallies()


def read_only(store: Store) -> None:
    """Let every connection to the file refuse to write, also those that are made later."""
    set_on_each(store, "query_only = 1")


def set_on_each(store: Store, pragma: str) -> None:
    """Set something on each connection of the store that it makes from now on."""
    really = store.db._connect

    def connect(durable: bool) -> sqlite3.Connection:
        db = really(durable)
        db.execute(f"PRAGMA {pragma}")
        return db

    store.db._connect = connect  # type: ignore[method-assign]
    store.db.close()
