"""
The bench on which the contract tries a connector: one deal at a vendor that a test can also see from behind.

A `SandboxBench` is a real HTTP server with a fresh simulated account; a `MemoryBench` is the honest fake.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, ClassVar
from urllib.parse import urlencode

from werkzeug.test import Client

from bridge.connectors.base import Account, Connector, Inbound
from bridge.connectors.http import Answer, Call, Transport, _number
from bridge.connectors.memory import Fault, Habits, Memory, MemoryVendor
from bridge.connectors.registry import VENDORS
from bridge.core.errors import Transient
from bridge.core.fields import Field, Words
from bridge.core.model import Canonical, Native, Record, Ref
from bridge.core.redact import Redactor
from bridge.core.rules import SideRules
from bridge.sandbox.base import Hook, Simulator
from bridge.sandbox.faults import Faults
from bridge.sandbox.server import Sandbox
from tests.connectors.recorder import OpenGate

START_S = 1_790_000_000.0
KEY, SECRET, HOOK_SECRET = "sandbox-bridge-key", "sandbox-secret", "sandbox-hook-secret"
FATES = ("errors", "throttles", "hangs_before", "hangs_after")

# The deal that all simulators share, as the bridge understands it.
SAMPLE: Mapping[str, Canonical] = {
    "name": "Lan Pham - Acme Hotels",
    "description": "Forty rooms, two years",
    "amount": "1500 USD",
    "stage": "new",
    "status": "open",
    "lost_reason": None,
    "probability": 20,
    "owner": "hoa",
    "contact": "lan",
    "account": "acme",
    "pipeline": "sales",
    "expected_close": "2026-12-31",
    "actual_close": None,
    "contact_name": "Lan Pham",
    "contact_email": "lan@acme.example",
    "contact_phone": "84901234567",
    "account_name": "Acme Hotels",
    "account_email": "lan@acme.example",
    "account_phone": "84901234567",
    "custom.source": "Fair",
    "custom.key": "K-9",
    "custom.rooms": "40",
}


def fields(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Case:
    """
    One writable field. value: a native value other than the sample's. stored: what the vendor then holds otherwise, by
    its own names. edit: how a person says the same, where that differs. given: what a person does first. also: what
    must be written with it. side: fields of the record that may follow, as the vendor's document says.
    """

    value: Native
    stored: Mapping[str, Any]
    edit: Mapping[str, Any] | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, Native] = field(default_factory=dict)
    side: frozenset[str] = frozenset()

    def by_hand(self) -> Mapping[str, Any]:
        return self.stored if self.edit is None else self.edit


@dataclass
class Clock:
    now_s: float = START_S

    def __call__(self) -> float:
        return self.now_s


class Bench(ABC):
    """`lasting`: writable fields that the vendor cannot empty. `signed`: whether a hook proves its whole body."""

    vendor: ClassVar[str]
    deal: ClassVar[str]
    shows: ClassVar[frozenset[str]]
    words: ClassVar[Words]
    cases: ClassVar[Mapping[str, Case]]
    lasting: ClassVar[frozenset[str]]
    hooked: ClassVar[bool] = True
    signed: ClassVar[bool] = False
    steady: ClassVar[bool] = True  # a deletion between two pages of a scan hides no other deal
    few_rows: ClassVar[Mapping[str, Any]] = {}
    many: ClassVar[int] = 25

    connector: Connector
    clock: Clock

    @abstractmethod
    def connect(self, **changes: Any) -> Connector:
        """Return another connector of the same account. changes: `options`, `secrets`, `custom` or plain values."""

    @abstractmethod
    def person(self, changes: Mapping[str, Any], deal: str = "") -> None:
        """Edit a deal (the sample when not named) in the vendor's pages."""

    @abstractmethod
    def stored(self) -> dict[str, Any]:
        """Return all that the vendor holds, save times; names of other records than the sample have a prefix."""

    @abstractmethod
    def delete(self, deal: str) -> None: ...

    @abstractmethod
    def fill(self, n: int) -> set[str]:
        """Add deals until there are `n`, and return the ids of all."""

    @abstractmethod
    def strike(self, *fates: str, only: str = "") -> None:
        """Let call after call meet its fate, "" for none; the last stands for all that follow. only: of `writes`."""

    @abstractmethod
    def hooks(self) -> list[Inbound]:
        """Return the webhooks sent since the last question."""

    # What any bench does with its connector

    @property
    def ref(self) -> Ref:
        return Ref(self.connector.account.connection, self.deal)

    def seen(self, connector: Connector | None = None) -> Record:
        record = (connector or self.connector).read(self.ref)
        assert record is not None
        return record

    def spec(self, name: str) -> Field:
        return next(f for f in self.connector.fields if f.name == name)

    def writable(self) -> set[str]:
        return {f.name for f in self.connector.fields if not f.readonly}

    def rules(self) -> SideRules:
        fields = {f.name: f for f in self.connector.fields}
        return SideRules(self.connector.account.connection, fields, words=self.words)

    def decoded(self, record: Record) -> dict[str, Canonical]:
        rules = self.rules()
        return {name: rules.decode(name, n) for name, n in record.fields.items()}

    def changed(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the vendor holds now and did not before; None for what is gone."""
        after = self.stored()
        names = sorted(before.keys() | after.keys())
        return {name: after.get(name) for name in names if before.get(name) != after.get(name)}

    def start(self, name: str) -> tuple[Case, dict[str, Native]]:
        """Return a case made ready, and the patch for it."""
        case = self.cases[name]
        if case.given:
            self.person(case.given)
        return case, {name: case.value, **case.also}


class Direct:
    """A transport into the sandbox without a socket."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.client = Client(sandbox.app)

    def __call__(self, call: Call) -> Answer:
        path = call.url.split("/", 3)[3]
        body = None if call.json is None else json.dumps(call.json, default=_number)
        headers = {"User-Agent": "opportunity-bridge", **call.headers}
        try:
            answer = self.client.open(
                f"/{path}", method=call.method, query_string=urlencode(call.params), headers=headers, data=body
            )
        except ConnectionResetError as error:
            raise Transient("no_answer", "reset", in_doubt=True) from error
        with answer:
            return Answer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.get_data())


class Wire:
    """
    The real transport, with a clock that moves on `tick_s` a call, and a fate for each call.

    calls, statuses: what was sent, and what came back; 0 where nothing did.
    """

    def __init__(self, send: Transport, clock: Clock, sandbox: Sandbox) -> None:
        self.send, self.clock, self.sandbox = send, clock, sandbox
        self.calls: list[Call] = []
        self.statuses: list[int] = []
        self.fates: list[str] = [""]
        self.spared: tuple[str, ...] = ()
        self.tick_s = 1.0

    def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        self.clock.now_s += self.tick_s
        fate = "" if call.method in self.spared else self.fates.pop(0) if len(self.fates) > 1 else self.fates[0]
        self.sandbox.dice.change(Faults(**{fate: 1.0}, hang_s=0.0) if fate else Faults())
        self.statuses.append(0)
        answer = self.send(replace(call, headers={**call.headers, "X-Bench": KEY}))  # the sandbox strikes its bearer
        self.statuses[-1] = answer.status
        return answer


class SandboxBench(Bench):
    """switches: habits of the vendor. Other keywords change the account, as in `connect`."""

    account: ClassVar[Account]
    habits: ClassVar[Mapping[str, Any]] = {}
    begin: ClassVar[Mapping[str, Any]] = {}  # what a person did before: values that a write must not lose
    bound: ClassVar[bool] = False  # the app holds on to the account for which it was made

    def __init__(
        self, sandbox: Sandbox, send: Transport, switches: Mapping[str, Any] | None = None, **changes: Any
    ) -> None:
        self.clock = Clock()
        self.sim: Any = self._fresh(sandbox, {**self.habits, **(switches or {})})
        self.url = f"{sandbox.url}/{self.vendor}"
        self.wire = Wire(send, self.clock, sandbox)
        self.sent: list[Hook] = []
        self.sim.send = self.sent.append
        if self.begin:
            self.person(self.begin)
            self.sent.clear()
        self.changes = changes
        self._account = adjusted(self.account, changes)
        self.connector = self.connect()

    def _fresh(self, sandbox: Sandbox, switches: Mapping[str, Any]) -> Simulator:
        """Fill the simulated account of the running sandbox anew; its app, which is slow to make, stays if it can."""
        sim, door = sandbox.simulators[self.vendor], sandbox.doors[self.vendor]
        known = {switch.name: switch.default for switch in sim.switches}
        assert switches.keys() <= known.keys()
        sim.clock, sim.switch, sim.ledger = self.clock, known | switches, []
        sim.seed()
        if self.bound:
            sim.app = door.app = sim.build()
        sandbox.dice.change(Faults())
        return sim

    def connect(self, **changes: Any) -> Connector:
        changes = {"base_url": self.url, **changes}
        made = adjusted(self._account, changes)
        return VENDORS[self.vendor](made, transport=self.wire, gate=OpenGate(), now_s=self.clock)

    def person(self, changes: Mapping[str, Any], deal: str = "") -> None:
        self.clock.now_s += 1
        self.sim.edit(deal or self.deal, changes)

    def strike(self, *fates: str, only: str = "") -> None:
        self.wire.fates, self.wire.spared = list(fates), ("GET",) if only else ()

    def again(self) -> SandboxBench:
        """Return a bench like this one with a fresh account."""
        return type(self)(self.wire.sandbox, self.wire.send, self.sim.switch, **self.changes)

    def hooks(self) -> list[Inbound]:
        sent = [inbound(hook) for hook in self.sent]
        self.sent.clear()
        return sent


OFFERS = {"stage": {"1": "New", "2": "Won"}, "owner": {"7": "Hoa", "8": "Minh"}}


class MemoryBench(Bench):
    """The honest fake, without habits."""

    vendor = "memory"
    deal = "d1"
    shows = fields("name description amount stage owner probability expected_close")
    lasting = frozenset({"stage"})
    words = Words(
        {("stage", "1"): "new", ("stage", "2"): "won", ("owner", "7"): "hoa", ("owner", "8"): "minh"},
        {("stage", "new"): ("1",), ("stage", "won"): ("2",), ("owner", "hoa"): ("7",), ("owner", "minh"): ("8",)},
    )
    cases: ClassVar[Mapping[str, Case]] = {
        name: Case(value, {name: value})
        for name, value in (
            ("name", "Lan"),
            ("description", "Fifty rooms"),
            ("amount", "1800.5"),
            ("stage", "2"),
            ("owner", "8"),
            ("probability", 70),
            ("expected_close", "2027-01-31"),
        )
    }

    def __init__(self) -> None:
        self.clock = Clock()
        self.here = MemoryVendor(lambda: int(self.clock.now_s * 1000), Habits(offers=OFFERS), Random(1))
        first = {"name": SAMPLE["name"], "description": SAMPLE["description"], "amount": "1500", "stage": "1"}
        self.here.add("d1", {**first, "owner": "7", "probability": 20, "expected_close": "2026-12-31"})
        self.connector = self.connect()

    def connect(self, **changes: Any) -> Connector:
        return Memory(adjusted(Account("m", "", {"secret": HOOK_SECRET}), changes), here=self.here)

    def person(self, changes: Mapping[str, Any], deal: str = "") -> None:
        self.clock.now_s += 1
        self.here.person(deal or self.deal, **changes)

    def stored(self) -> dict[str, Any]:
        return flat({v: self.here.current(v) for v, s in self.here.records.items() if not s.gone}, self.deal)

    def delete(self, deal: str) -> None:
        self.here.records[deal].gone = True

    def fill(self, n: int) -> set[str]:
        for number in range(len(self.here.records), n):
            self.here.add(f"d{number + 1}", self.here.current("d1"))
        return set(self.here.records)

    def strike(self, *fates: str, only: str = "") -> None:
        kinds: dict[str, tuple[Fault, ...]] = {
            "errors": ("refused", "read_failed"),
            "throttles": ("throttled",),
            "hangs_before": ("lost", "read_failed"),
            "hangs_after": ("landed", "read_failed"),
        }
        struck = (fault for fault in kinds.get(fates[0], ()) if not only or fault != "read_failed")
        self.here.habits.faults = dict.fromkeys(struck, 1.0)
        self.here.habits.timeout = 0

    def hooks(self) -> list[Inbound]:
        made = [Memory.hook(self.connector, vendor_id) for vendor_id in self.here.hooks]  # type: ignore[arg-type]
        self.here.hooks.clear()
        return made


def adjusted(account: Account, changes: Mapping[str, Any]) -> Account:
    """Return an account with some values replaced; of its tables, only the named keys are."""
    tables = {
        key: {**getattr(account, key), **changes[key]} for key in ("options", "secrets", "custom") if key in changes
    }
    return replace(account, **{**changes, **tables})


def inbound(hook: Hook) -> Inbound:
    """Return a webhook as the receiver hands it to the connector."""
    return Inbound(hook.method, hook.query, {name.lower(): value for name, value in hook.headers.items()}, hook.body)


def as_stored(given: Inbound, connector: Connector) -> Inbound:
    """Return a delivery as it comes back from the store: without secrets, and of the headers only the content type."""
    clean = Redactor([secret for secret in connector.account.secrets.values() if secret])
    headers = {"content-type": given.headers.get("content-type", "")}
    return replace(given, headers=headers, body=clean.bytes(given.body))


def flat(records: Mapping[str, Mapping[str, Any]], own: str, without: Sequence[str] = ()) -> dict[str, Any]:
    """Return records as one table; inner tables are opened, and names of records but `own` begin with their id."""
    table: dict[str, Any] = {}
    for vendor_id, record in records.items():
        prefix = "" if vendor_id == own else f"{vendor_id} "
        for name, value in record.items():
            if name in without:
                continue
            inner = value if isinstance(value, Mapping) else {}
            table |= {f"{prefix}{name}.{key}": one for key, one in inner.items()}
            if not inner and value != {}:
                table[f"{prefix}{name}"] = value
    return table
