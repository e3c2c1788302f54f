"""
The honest fake: a vendor in memory with every habit that the sync algorithm allows, and its connector.

It passes the same contract as the real connectors. Time and chance come from outside, so that a test can repeat it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Literal

from bridge.connectors.base import Account, Connector, Inbound, Page, nudged
from bridge.connectors.http import Answer, Call
from bridge.connectors.lists import Listed, Lists
from bridge.core.errors import Forged, Permanent, Transient
from bridge.core.fields import Choice, Day, Field, Money, Percent, Text
from bridge.core.model import Native, Record, Ref
from bridge.core.signature import same_secret

Tidy = Callable[[str, Native], Native]
Fault = Literal["ok", "refused", "throttled", "lost", "landed", "read_failed"]

TABLE: tuple[Field, ...] = (
    Text("name", "title"),
    Text("description", "notes", limit=60),
    Money("amount", "value", currency="USD"),
    Choice("stage", "stage_id", blank=False),
    Choice("owner", "user_id"),
    Percent("probability", "chance"),
    Day("expected_close", "due"),
)


@dataclass
class Stored:
    """The states of one record, oldest first: since when (epoch ms), stamp, native values."""

    states: list[tuple[int, int, dict[str, Native]]]
    gone: bool = False


@dataclass
class Habits:
    """
    What this vendor does. lag: reads may be so stale (ms). tidy: what it makes of a value that is sent. replaces: a
    write puts the whole record back. hooks: it sends webhooks. faults: what may happen to a call, with odds. table:
    its fields; one that is shown through another always holds the same value as that. offers: its lists, by field:
    native and label.
    """

    lag: int = 0
    stamped: bool = True
    replaces: bool = False
    answer: Literal["stored", "unknown", "none"] = "stored"
    hooks: bool = True
    tidy: Tidy = lambda name, n: n
    faults: Mapping[Fault, float] = field(default_factory=dict)
    timeout: int = 5_000
    table: tuple[Field, ...] = TABLE
    offers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class MemoryVendor:
    """One account. `person` edits as people do; `applied` is the ledger of what API calls really changed."""

    def __init__(self, now: Callable[[], int], habits: Habits, dice: Random | None = None) -> None:
        self.now, self.habits, self.dice = now, habits, dice or Random(0)
        self.records: dict[str, Stored] = {}
        self.late: list[tuple[int, str, dict[str, Native]]] = []
        self.applied: list[tuple[int, str, tuple[str, ...]]] = []
        self.hooks: list[str] = []
        self.reads = 0

    def add(self, vendor_id: str, fields: Mapping[str, Native]) -> None:
        self.records[vendor_id] = Stored([(self.now(), self.now(), dict(fields))])

    def person(self, vendor_id: str, **changes: Native) -> None:
        """Change a record in the vendor's own pages."""
        self.land_late()
        self._change(vendor_id, changes, self.now())

    def current(self, vendor_id: str) -> dict[str, Native]:
        self.land_late()
        return self.records[vendor_id].states[-1][2]

    def seen(self, vendor_id: str) -> tuple[int, dict[str, Native]]:
        """Return the stamp and fields that a read shows: the state at some moment of the last `lag`."""
        self.land_late()
        moment = self.now() - (self.dice.randint(0, self.habits.lag) if self.habits.lag else 0)
        states = self.records[vendor_id].states
        shown = [s for s in states if s[0] <= moment] or states[:1]
        return shown[-1][1], dict(shown[-1][2])

    def call(self, vendor_id: str, sent: Mapping[str, Native]) -> Fault:
        """Apply a write, unless a fault strikes; return what happened to the call."""
        self.land_late()
        fault = self.strike(("refused", "throttled", "lost", "landed"))
        if fault == "ok":
            self.apply(vendor_id, sent)
        elif fault == "landed":
            self.late.append((self.now() + self.dice.randint(0, self.habits.timeout), vendor_id, dict(sent)))
        return fault

    def strike(self, kinds: tuple[Fault, ...]) -> Fault:
        """Roll the dice for a fault."""
        roll = self.dice.random()
        for kind in kinds:
            roll -= self.habits.faults.get(kind, 0.0)
            if roll < 0:
                return kind
        return "ok"

    def apply(self, vendor_id: str, sent: Mapping[str, Native], at: int | None = None) -> None:
        """Store what a call sent, tidied. at: when it arrived; None is now."""
        at = self.now() if at is None else at
        kept = {f: self.habits.tidy(f, n) for f, n in sent.items()}
        before = self.records[vendor_id].states[-1][2]
        self.applied.append((at, vendor_id, tuple(f for f, n in kept.items() if before.get(f) != n)))
        self._change(vendor_id, kept, at)

    def land_late(self) -> None:
        """Apply the calls whose answer got lost and whose time has come."""
        due = [late for late in self.late if late[0] <= self.now()]
        self.late = [late for late in self.late if late[0] > self.now()]
        for at, vendor_id, sent in sorted(due, key=lambda d: d[0]):
            self.apply(vendor_id, sent, at)

    def _change(self, vendor_id: str, changes: Mapping[str, Native], at: int) -> None:
        stored = self.records[vendor_id]
        fields = {**stored.states[-1][2], **changes}
        fields |= {f.name: fields[f.via] for f in self.habits.table if f.via}
        stored.states.append((at, max(at, stored.states[-1][1] + 1), fields))
        if self.habits.hooks:
            self.hooks.append(vendor_id)


class Memory(Connector):
    """The connector of a MemoryVendor, which `accounts` finds by the connection's name."""

    vendor = "memory"
    secrets: ClassVar[Mapping[str, str]] = {"secret": "what its webhooks carry in X-Bridge-Secret"}
    hook_secret = "secret"  # noqa: S105  its name
    accounts: ClassVar[dict[str, MemoryVendor]] = {}

    def __init__(self, account: Account, *, here: MemoryVendor | None = None, **_: Any) -> None:
        self.here = here or self.accounts[account.connection]
        super().__init__(account, transport=_nowhere, gate=_Open())

    def headers(self) -> Mapping[str, str]:
        return {}

    def table(self) -> tuple[Field, ...]:
        return self.here.habits.table

    def verify(self, inbound: Inbound) -> None:
        if not same_secret(inbound.headers.get("x-bridge-secret"), self.account.secrets.get("secret")):
            raise Forged("wrong_secret")

    def touched(self, inbound: Inbound) -> list[Ref]:
        vendor_id = nudged(inbound)
        return [self._ref(vendor_id)] if vendor_id else []

    def hook(self, vendor_id: str) -> Inbound:
        """Return the webhook that this vendor sends for a change."""
        headers = {"x-bridge-secret": self.account.secrets.get("secret", ""), "content-type": "application/json"}
        return Inbound("POST", {}, headers, json.dumps({"id": vendor_id}).encode())

    def read(self, ref: Ref) -> Record | None:
        self.here.reads += 1
        if self.here.strike(("read_failed",)) != "ok":
            raise Transient("server_error", "HTTP 502")
        stored = self.here.records.get(ref.vendor_id)
        return None if stored is None or stored.gone else self._record(ref.vendor_id, *self.here.seen(ref.vendor_id))

    def resends(self, patch: Mapping[str, Native]) -> frozenset[str]:
        return frozenset(f.name for f in self.fields) - patch.keys() if self.here.habits.replaces else frozenset()

    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        vendor_id = seen.ref.vendor_id
        if strange := sorted(patch.keys() - {f.name for f in self.fields}):
            raise Permanent("not_writable", ", ".join(strange))
        before = self.here.current(vendor_id)
        fault = self.here.call(vendor_id, {**seen.fields, **patch} if self.here.habits.replaces else patch)
        if fault == "throttled":
            raise Transient("throttled", "HTTP 429", after_s=5.0, whole=True)
        if fault == "refused":
            raise Transient("server_error", "HTTP 503 before anything happened")
        if fault in ("lost", "landed"):
            raise Transient("no_answer", "timed out", in_doubt=True)
        return self._answer(vendor_id, before, patch)

    def _answer(self, vendor_id: str, before: dict[str, Native], patch: Mapping[str, Native]) -> Record | None:
        stamp = self.here.records[vendor_id].states[-1][1]
        if self.here.habits.answer == "stored":
            return self._record(vendor_id, stamp, dict(self.here.current(vendor_id)))
        if self.here.habits.answer == "none":
            return None
        kind = self.here.dice.choice(("stored", "stale", "echo", "empty"))
        if kind == "empty":
            return None
        shown = {"stored": self.here.current(vendor_id), "stale": before, "echo": {**before, **patch}}[kind]
        return Record(self._ref(vendor_id), dict(shown))

    def scan(self, cursor: str | None) -> Page:
        ids = sorted(v for v, s in self.here.records.items() if not s.gone and v > (cursor or ""))
        records = [self._record(v, *self.here.seen(v)) for v in ids[:20]]
        return Page(records, ids[19] if len(ids) > 20 else None)

    def check(self) -> list[str]:
        return []

    def lists(self) -> Lists:
        return Lists(
            [
                Listed(field, n, label)
                for field, labels in self.here.habits.offers.items()
                for n, label in labels.items()
            ]
        )

    def steps(self, address: str) -> list[str]:
        return [f"POST what has changed to {address} with X-Bridge-Secret: {self.hook_value()}"]

    def _ref(self, vendor_id: str) -> Ref:
        return Ref(self.account.connection, vendor_id)

    def _record(self, vendor_id: str, stamp: int, fields: dict[str, Native]) -> Record:
        return Record(self._ref(vendor_id), fields, stamp if self.here.habits.stamped else None)


class _Open:
    def enter(self) -> None:
        """Nothing is limited in memory."""

    def leave(self, ok: bool, pause_s: float | None = None) -> None:
        """Nothing is counted in memory."""


def _nowhere(call: Call) -> Answer:
    raise Transient("no_connection", "memory has no network")
