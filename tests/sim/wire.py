"""
Sides on the real connectors: they speak to the simulated CRMs in this process, over a transport without sockets.

Wire formats are proven with the rest: what is sent is encoded, handled by the sandbox's own request handlers, and
parsed again. All time is the loop's.
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal
from urllib.parse import unquote, urlencode, urlsplit
from weakref import WeakKeyDictionary

from flask import Flask, Response
from greenlet import getcurrent, greenlet
from werkzeug.test import run_wsgi_app

from bridge.connectors.base import Account, Connector, Inbound
from bridge.connectors.budget import Budget
from bridge.connectors.http import Answer, Call, _number
from bridge.connectors.registry import VENDORS
from bridge.core.errors import Transient
from bridge.core.model import Native, Record, Ref
from bridge.desk import Desk
from bridge.sandbox.base import Hook, Simulator
from bridge.sandbox.server import SIMULATORS
from bridge.settings import ConnectionSettings, Settings, load
from bridge.store import Store
from bridge.web import create_app
from tests.connectors.bench import HOOK_SECRET, KEY, SECRET, inbound
from tests.sim.loop import Loop
from tests.sim.sides import Broken, Fate, Side, Written
from tests.sim.wire_people import People, sample
from tests.sim.wire_sellers import PEOPLE

CONFIG = Path("config/sandbox.toml")
SECRETS = {"SANDBOX_KEY": KEY, "SANDBOX_SECRET": SECRET, "SANDBOX_HOOK_SECRET": HOOK_SECRET}
NAMES = tuple(PEOPLE)
TIMEOUT_MS, PATIENCE_MS = 4_000, 2_000
POLL_MS, SWEEP_MS = 180_000, 240_000
TRAVEL_MS, SLOW_MS = (5, 120), 900


@cache
def settings() -> Settings:
    return load(CONFIG, SECRETS, VENDORS)


@cache
def simulator(vendor: str) -> Simulator:
    """Return the one simulator of a vendor in this process: its app is slow to make, so each world fills it anew."""
    return SIMULATORS[vendor]()


def wires(
    loop: Loop,
    dice: Random,
    names: Sequence[str] = NAMES,
    *,
    lagging: float = 0.3,
    rich: float = 0.5,
    tidy: float = 0.2,
) -> list[WireSide]:
    """
    Return sides with fresh accounts, which end the life of all sides made before in this process.

    lagging, rich, tidy: how likely an account's reads are 1 to 8 s old, it shows or takes what the vendor's documents
    leave open, it trims names.
    """
    gate, sides = door(), []
    gate.loop = loop
    for order, name in enumerate(names):
        lag = dice.randint(1, 8) if dice.random() < lagging else 0
        manners = Manners(lag, dice.random() < rich, dice.random() < tidy)
        sides.append(WireSide(loop, name, order, manners, Random(dice.random()), gate))
    gate.connectors.clear()
    gate.connectors |= {side.name: side.connect() for side in sides}
    return sides


def prepare(store: Store, sides: Sequence[Side], now: int) -> None:
    """Link the contacts that the deals name."""
    for row in sample("links.csv"):
        refs = [Ref(side.name, row[side.name], row["kind"]) for side in sides if row.get(side.name)]  # type: ignore[arg-type]
        if row["kind"] == "contact" and len(refs) > 1:
            store.link(refs, now)


@dataclass(frozen=True)
class Manners:
    """What one account does; see `wires`."""

    lag_s: int
    rich: bool
    tidy: bool


@cache
def door() -> Gate:
    """Return the web layer of all worlds of this process: to make it anew takes longer than a schedule's webhooks."""
    return Gate()


@dataclass
class Gate:
    """The bridge as its web layer sees it, and that layer's application."""

    loop: Loop = field(init=False)
    connectors: dict[str, Connector] = field(default_factory=dict)
    path_secrets: Mapping[str, str] = field(default_factory=dict)
    body_bytes_max: int = 1_000_000
    proxies: int = 0
    store: Store = field(init=False)
    app: Flask | None = None

    @property
    def secret_values(self) -> frozenset[str]:
        return settings().secret_values()

    @property
    def desk(self) -> Desk:
        """What pages need, of which nobody opens one here."""
        return Desk(self.store, {}, settings(), self.now)

    def now(self) -> int:
        return self.loop.now

    def take(self, store: Store, name: str, given: Inbound) -> int:
        """Hand one webhook to the receiver on this store; return the status of the answer."""
        self.store = store
        if self.app is None:
            self.app = create_app(self)
        return requested(self.app, given.method, f"/webhooks/{name}", given.query, given.headers, given.body).status


class WireSide(Side):
    """
    One simulated CRM with the bridge's real connector.

    people: what is stored, and how people see it. dead: its credentials are refused. calls: how many were made.
    """

    def __init__(self, loop: Loop, name: str, order: int, manners: Manners, dice: Random, gate: Gate) -> None:
        super().__init__(loop)
        self.name, self.order, self.manners, self.dice, self.gate = name, order, manners, dice, gate
        kind = PEOPLE[name]
        self.sim: Any = simulator(name)
        self.sent: list[Hook] = []
        self._fill(kind)
        self.people: People = kind(self.sim, manners.rich)
        self.ref = Ref(name, kind.deal)
        self.fields, self.readonly, self.by_stage = self.people.fields, self.people.readonly, kind.by_stage
        self.lag = manners.lag_s * 1000
        self.settings: ConnectionSettings = settings().connections[name]
        self.habits = replace(
            self.settings.habits,
            lag=self.lag,
            suspect=max(40_000, 2 * self.lag) if self.lag else 0,
            timeout=TIMEOUT_MS,
            scan=SWEEP_MS if kind.hooked else POLL_MS,
        )
        self.dead = False
        self.calls = 0

    def _fill(self, kind: type[People]) -> None:
        """Put the sample into the simulated account; what it knew before is gone."""
        given = kind.rich_switches if self.manners.rich else {}
        known = {switch.name: switch.default for switch in self.sim.switches}
        self.sim.switch = known | given | {"read_lag_s": self.manners.lag_s, "normalise": self.manners.tidy}
        self.sim.clock, self.sim.ledger, self.sim.send = lambda: self.loop.now / 1000, [], self.sent.append
        self.sim.seed()

    # set-up

    def connect(self) -> Connector:
        kind = PEOPLE[self.name]
        c = self.settings
        options = {**c.options, **(kind.rich_options if self.manners.rich else kind.poor_options)}
        account = Account(c.name, c.base_url, c.secrets, options, c.custom, c.currency, c.zone)
        budget = Budget(c.rate_calls, c.rate_per_s, c.concurrency, clock=self._now_s, sleep=self._sleep)
        transport = Transport(self)
        connector = _noting(self.name)(account, transport=transport, gate=budget, now_s=self._now_s)
        connector.transport = transport
        return connector

    def _now_s(self) -> float:
        return self.loop.now / 1000

    def _sleep(self, s: float) -> None:
        """Wait for a place in the budget; outside of tasks nobody else moves the clock."""
        before = self.loop.now
        self.loop.step(max(1, math.ceil(s * 1000)))
        if self.loop.now == before:
            self.loop.now += max(1, math.ceil(s * 1000))

    def describe(self) -> str:
        return f"a {self.name} account, {self.manners}"

    def choices(self) -> Sequence[Mapping[str, Any]]:
        own = [row for row in sample("choices.csv") if row["connection"] == self.name]
        return [_choice(row, scoped=self.name in ("getfly", "leadconnector")) for row in own]

    # people

    def value(self, field: str, n: int) -> Native:
        return self.people.value(field, n)

    def edit(self, field: str, value: Native) -> bool:
        before = self.people.stored()
        if self.people.shows(before)[field] == value:
            return False
        self.sim.edit(self.people.deal, self.people.entered(field, value))
        self.loop.changes += 1
        return bool(self.people.changed(before, self.people.stored()))

    # what the vendor really holds

    def shows(self) -> Mapping[str, Native]:
        return self.people.shows(self.people.stored())

    def says(self, field: str, shown: Native) -> object:
        return self.people.says(field, shown)

    def fits(self, field: str, canonical: object, shown: Native) -> bool:
        return self.people.fits(field, canonical, shown)

    def status_of(self, stage: object) -> object:
        return self.people.status_of(stage)

    def deals(self) -> int:
        return self.people.deals()

    # the way to the bridge

    def hooks(self) -> list[Inbound]:
        left = [inbound(hook) for hook in self.sent]
        self.sent.clear()
        return left

    def arrive(self, store: Store, inbound: Inbound) -> None:
        status = self.gate.take(store, self.name, inbound)
        assert 200 <= status < 300, f"the receiver answered {status} to a webhook of {self.name}"

    # faults

    def calm(self) -> None:
        super().calm()
        self.dead = False

    def travel(self) -> int:
        return SLOW_MS if self.dice.random() < 0.04 else self.dice.randint(*TRAVEL_MS)

    def handle(self, call: Call, read_at: int) -> Answer:
        """Let the simulator answer a call now, and note the write that it applied."""
        rows, before = len(self.sim.ledger), self.people.stored()
        answer = sent_to(self.sim.app, call, len(urlsplit(self.settings.base_url).path))
        if any(row.who == "bridge" for row in self.sim.ledger[rows:]):
            path = urlsplit(call.url).path
            changed = self.people.changed(before, self.people.stored())
            carried = self.people.carried(path, call.json) | changed
            self.loop.changes += 1
            self.wrote(Written(self.loop.now, read_at, changed, carried), self.people.shows(before))
        return answer

    def judge_patch(self, seen: Mapping[str, Native], patch: Mapping[str, Native]) -> None:
        """I7: a write has something to say that the record, as just read, does not say."""
        groups: dict[str, list[str]] = {}
        for name in patch:
            groups.setdefault("stage" if self.by_stage and name == "status" else name, []).append(name)
        known = {*self.fields, "status"}
        for names in groups.values():
            if known >= {*names} and all(self.says(f, seen[f]) == self.says(f, patch[f]) for f in names):
                raise Broken("I7", f"a write to {self.name} says of {', '.join(names)} what it shows already")

    def own_answer(self, make: Callable[[], Response]) -> Answer:
        with self.sim.app.test_request_context():
            made = make()
            return Answer(made.status_code, {k.lower(): v for k, v in made.headers.items()}, made.get_data())


class Transport:
    """
    What stands between one connector and its vendor: time, and the fates of calls.

    read_at: when each task last asked for the deal.
    """

    def __init__(self, side: WireSide) -> None:
        self.side = side
        self.read_at: WeakKeyDictionary[greenlet, int] = WeakKeyDictionary()

    def __call__(self, call: Call) -> Answer:
        side, loop = self.side, self.side.loop
        side.calls += 1
        writes = side.people.writes(call.method, urlsplit(call.url).path)
        kind: Literal["read", "write"] = "write" if writes else "read"
        fate = side.meet(kind)
        if fate is not None:
            side.tell(f"the next {kind} at {side.name} is {fate}: {call.method} {urlsplit(call.url).path}")
        if fate is not None and fate.blow == "death":
            loop.die()
        if fate is not None and fate.blow == "refused":
            loop.step(side.travel())
            raise Transient("no_connection", "NewConnectionError")
        if fate is not None and fate.blow == "unauthorized":
            side.dead = True
        call = _dead(call) if side.dead else call
        read_at = self.read_at.get(getcurrent(), 0)
        if fate is not None and fate.blow in ("lost", "landed"):
            if fate.blow == "landed":
                loop.call_at(loop.now + fate.ms, lambda: side.handle(call, read_at))
            loop.step(PATIENCE_MS)
            raise Transient("no_answer", "ReadTimeout", in_doubt=True)
        loop.step(side.travel())
        answer = self._answer(call, fate, read_at)
        if answer.status == 200 and not writes and side.people.reads(urlsplit(call.url).path, call.params):
            side.has_read()
        if fate is not None and fate.blow == "death_after":
            loop.die()
        loop.step(side.travel())
        return answer

    def _answer(self, call: Call, fate: Fate | None, read_at: int) -> Answer:
        side = self.side
        if fate is not None and fate.blow in ("broken", "throttled"):
            return side.own_answer(side.sim.broken if fate.blow == "broken" else side.sim.throttled)
        if fate is not None and fate.blow == "denied":
            path, body = side.people.spoilt(call.url, call.json)
            call = replace(call, url=path, json=body)
        return side.handle(call, read_at)


@cache
def _noting(name: str) -> Any:
    """Return the connector class of a vendor, except that it notes when a deal is read, and judges what is written."""

    class Noting(VENDORS[name]):  # type: ignore[misc]
        transport: Transport

        def read(self, ref: Ref) -> Record | None:
            self.transport.side.is_called()
            self.transport.read_at[getcurrent()] = self.transport.side.loop.now
            found: Record | None = super().read(ref)
            return found

        def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
            self.transport.side.judge_patch(seen.fields, patch)
            answer: Record | None = super().write(seen, patch)
            return answer

    return Noting


def _dead(call: Call) -> Call:
    """Return a call whose credential is nobody's."""
    headers = {name: value.replace(KEY, "dead-key") for name, value in call.headers.items()}
    params = tuple((name, value.replace(KEY, "dead-key")) for name, value in call.params)
    return replace(call, headers=headers, params=params)


def _choice(row: Mapping[str, str], *, scoped: bool) -> dict[str, Any]:
    scope = row["native"].rpartition("/")[0] if scoped and row["field"] in ("stage", "status") else ""
    use = {"reads": int(row["use"] != "write"), "writes": int(row["use"] != "read")}
    return {**{key: row[key] for key in ("connection", "field", "native", "canonical")}, "scope": scope, **use}


def sent_to(app: Flask, call: Call, root: int) -> Answer:
    """Return the app's answer to a call. root: length of the path under which the vendor stands."""
    body = b"" if call.json is None else json.dumps(call.json, default=_number).encode()
    headers = {"User-Agent": "opportunity-bridge", "Accept": "application/json", **call.headers}
    return requested(app, call.method, urlsplit(call.url).path[root:], call.params, headers, body)


def requested(app: Flask, method: str, path: str, query: Any, headers: Mapping[str, str], body: bytes) -> Answer:
    """Return the answer of a WSGI application to one request."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": urlencode(query),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    chunks, status, found = run_wsgi_app(app, environ, buffered=True)
    return Answer(int(status.split(" ", 1)[0]), {k.lower(): v for k, v in found.items()}, b"".join(chunks))
