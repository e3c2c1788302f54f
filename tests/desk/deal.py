"""
One deal in four CRMs on one day: a conflict, a stage that one of them has not got, an owner that is mapped late, a
phone that one of them keeps in its own form. The real flow and store; the CRMs and the clock are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path

import pytest

from bridge.connectors import registry
from bridge.connectors.base import Account
from bridge.connectors.memory import Habits, Memory, MemoryVendor
from bridge.core import rules
from bridge.core.fields import Choice, Field, Money, Phone, Text
from bridge.core.model import FOREVER, Native, Ref
from bridge.flow import Flow
from bridge.sides import Connection
from bridge.store import Store
from bridge.sweep import sweep
from bridge.worker import Worker

DAY = 1_793_577_600_000  # 2026-11-02
HOUR, SECOND = 3_600_000, 1_000
SHARED: tuple[Field, ...] = (
    Text("name", "title"),
    Money("amount", "value", currency="USD"),
    Choice("stage", "stage_id", blank=False),
    Choice("owner", "user_id"),
)
PHONE = Phone("contact_phone", "phone")
TABLES: Mapping[str, tuple[Field, ...]] = {
    "getfly": (*SHARED, PHONE),
    "onlyoffice": SHARED,
    "leadsquared": (*SHARED, PHONE),
    "plazbot": (Text("name", "title", readonly="the account names it"), *SHARED[1:]),
}
IDS = {"getfly": "CH2055", "onlyoffice": "17", "leadsquared": "a1b2", "plazbot": "p-9"}
STAGES = {"new": ("1", "New"), "qualified": ("2", "Qualified"), "proposal": ("3", "Proposal"), "won": ("4", "Won")}
OWNERS = {"hoa": ("7", "Hoa Le"), "minh": ("8", "Minh Tran")}
CONFIG = """[connections.{name}]
vendor = "memory"
base_url = "https://{name}.example"
secret = "env:MEMORY_SECRET"
currency = "USD"
"""


def tidied(name: str, n: Native) -> Native:
    """A phone number as LeadSquared likes it."""
    text = str(n)
    return f"{text[:3]} {text[3:5]} {text[5:8]} {text[8:]}" if name == "contact_phone" and n else n


class Deal:
    """The deal after that day. directory: where its bridge.toml and its database are."""

    def __init__(self, directory: Path) -> None:
        self.config, self.clock, ids = directory / "bridge.toml", DAY + 9 * HOUR, count(1)
        self.config.write_text("".join(CONFIG.format(name=name) for name in TABLES), "utf-8")
        self.store = Store(directory / "bridge.db", lambda: f"00000000-0000-7000-8000-{next(ids):012d}")
        self.store.migrate()
        self.vendors = {name: MemoryVendor(lambda: self.clock, _habits(name)) for name in TABLES}
        self.connectors = {n: Memory(Account(n, "", {"secret": "s"}), here=v) for n, v in self.vendors.items()}
        connections = {n: Connection(c, _told(n), i) for i, (n, c) in enumerate(self.connectors.items())}
        self.flow = Flow(self.store, connections, {}, now=lambda: self.clock, dice=lambda: 0.5)
        self.link = self._linked()

    def _linked(self) -> str:
        for name, vendor in self.vendors.items():
            shown = {"name": "Acme, 20 seats", "amount": "1000", "stage": "1", "owner": "7"}
            shown |= {"contact_phone": "+84900000000"} if PHONE in TABLES[name] else {}
            vendor.add(IDS[name], shown | ({"name": "Acme"} if name == "plazbot" else {}))
            self.means(name, "stage", {n: c for c, (n, _) in STAGES.items() if (name, c) != ("plazbot", "proposal")})
            self.means(name, "owner", {n: c for c, (n, _) in OWNERS.items() if (name, c) != ("onlyoffice", "minh")})
            labels = {"stage": STAGES.values(), "owner": OWNERS.values()}
            rows = [{"field": f, "native": n, "label": words} for f, known in labels.items() for n, words in known]
            self.store.put_lists(name, rows, self.clock)
        link = self.store.link([Ref(name, IDS[name]) for name in TABLES], self.clock)
        self.means("plazbot", "stage", {"2": "proposal"}, reads=0)
        self.run()
        return link

    def morning(self) -> Deal:
        """Live until noon, when an owner comes that nobody has mapped at ONLYOFFICE."""
        self.edit(10 * HOUR, "getfly", stage="3")
        self.edit(11 * HOUR, "plazbot", heard=False, amount="1500")
        self.edit(11 * HOUR + 5 * SECOND, "getfly", amount="1400")
        self.edit(12 * HOUR, "leadsquared", owner="8")
        return self

    def play(self) -> Deal:
        """Live through the day."""
        return self.morning().afternoon()

    def afternoon(self) -> Deal:
        self.at(13 * HOUR)
        self.means("onlyoffice", "owner", {"8": "minh"})
        self.run()
        self.edit(14 * HOUR, "getfly", contact_phone="+84912345678")
        return self

    def at(self, ms: int) -> None:
        self.clock = DAY + ms

    def means(self, side: str, field: str, meanings: Mapping[str, str], reads: int = 1) -> None:
        key = {"connection": side, "field": field, "reads": reads, "writes": 1, "scope": ""}
        self.store.put_choices([{**key, "native": n, "canonical": c} for n, c in meanings.items()], self.clock)

    def edit(self, ms: int, side: str, heard: bool = True, **values: Native) -> None:
        """Let a person edit, and the webhook come, unless it is not `heard`; then all is worked off."""
        self.at(ms)
        self.vendors[side].person(IDS[side], **values)
        if heard:
            body = self.connectors[side].hook(IDS[side]).body
            kept = {"query": {}, "content_type": "application/json", "body": body}
            self.store.accept(side, None, self.clock, method="POST", **kept)  # type: ignore[arg-type]
            self.run()

    def sweep(self, side: str) -> None:
        sweep(self.connectors[side], self.store, lambda: self.clock)

    def run(self) -> None:
        """Work until nothing waits; each step takes a second."""
        worker = Worker(self.flow, {})
        for _ in range(200):
            self.clock += SECOND
            if worker.take_in() or worker.step("w"):
                continue
            at = self.store.next_look()
            if at is None or at >= FOREVER:
                return
            self.clock = max(self.clock, at)
        raise AssertionError("it never ends")


def _habits(name: str) -> Habits:
    if name == "leadsquared":
        return Habits(answer="none", tidy=tidied, table=TABLES[name])
    return Habits(table=TABLES[name])


def _told(name: str) -> rules.Habits:
    answer = "none" if name == "leadsquared" else "stored"
    return rules.Habits(timeout=Habits.timeout, react=0, scan=0, answer=answer)  # type: ignore[arg-type]


def installed(deal: Deal, patch: pytest.MonkeyPatch) -> None:
    """Let every program that is started from here find this deal's CRMs and its database."""
    patch.setitem(registry.VENDORS, "memory", Memory)  # type: ignore[arg-type]
    for name, vendor in deal.vendors.items():
        patch.setitem(Memory.accounts, name, vendor)
    patch.setenv("MEMORY_SECRET", "s")
    patch.setenv("BRIDGE_CONFIG", str(deal.config))
    patch.setenv("BRIDGE_DATABASE", str(deal.store.db.path))
