"""A random history on a virtual clock: people edit, vendors misbehave, workers crash; then calm, and the judge."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from bridge.connectors.base import Account
from bridge.connectors.memory import TABLE, Habits, Memory, MemoryVendor
from bridge.core import rules
from bridge.core.errors import Transient
from bridge.core.fields import Words
from bridge.core.model import Link, Native, Record, Ref
from bridge.core.rules import SideRules
from bridge.flow import LEASE_MS, Flow
from bridge.sides import Connection
from bridge.store import Claim, Store
from bridge.store.sqlite import Sqlite
from bridge.sweep import sweep

STEPS_MAX = 4_000
START = 1_750_000_000_000
STAGES = ("new", "qualified", "proposal", "won")
OWNERS = ("hoa", "minh", "lan")
# A lossy vendor knows two stages only; the finer one keeps all four.
FINE = {"10": ("new",), "20": ("qualified",), "30": ("proposal",), "40": ("won",)}
LOSSY = {"1": ("new", "qualified", "proposal"), "2": ("won",)}
HELD_MS = 16 * 60_000  # an argument's pause is over by then


class Crash(BaseException):
    """The process died between two steps."""


@dataclass(frozen=True)
class Edit:
    """One genuine edit by a person."""

    at: int
    side: str
    field: str
    value: Native
    canonical: object


class Watched(Store):
    """A store that checks after each transaction what may only grow (I13)."""

    def __init__(self) -> None:
        super().__init__(":memory:", self._next_id)
        self.ids = 0
        self.highest: dict[tuple[str, str], int] = {}
        template().backup(self.db._connection())

    def _next_id(self) -> str:
        self.ids += 1
        return f"{self.ids:08d}"

    def save(self, claim: Claim, link: Link, now: int, **rest: Any) -> None:
        super().save(claim, link, now, **rest)
        for name, hub in link.hubs.items():
            self._grows(link.id, f"hub.{name}", hub.version)
        for side in link:
            self._grows(link.id, f"{side.ref.connection}.stamp", side.stamp or 0)
            for name, shadow in side.shadows.items():
                self._grows(link.id, f"{side.ref.connection}.{name}.base", shadow.base)

    def _grows(self, link: str, what: str, n: int) -> None:
        assert n >= self.highest.get((link, what), n), f"I13: {what} went back to {n}"
        self.highest[link, what] = n


@cache
def template() -> sqlite3.Connection:
    """Return a migrated database to copy: that is ten times faster than to migrate each."""
    db = Sqlite(":memory:")
    db.migrate()
    return db._connection()


class Spied(Memory):
    """A connector that refuses to write what the record, as just read, says already (I7)."""

    words = Words()

    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        mine = SideRules(self.account.connection, {f.name: f for f in self.fields}, words=self.words)
        for unit in mine.units(patch):
            says = {f: (seen.fields[f], patch[f]) for f in unit}
            idle = [mine.fields[f].same(a, b) or mine.decode(f, a) == mine.decode(f, b) for f, (a, b) in says.items()]
            assert not all(idle), f"I7: {says} says the same before and after"
        return super().write(seen, patch)


@dataclass
class Shape:
    """What may go wrong in a history."""

    sides: int = 3
    lag: bool = False
    faults: bool = False
    crashes: bool = False
    lossy: bool = False
    tidy: bool = False
    polling: bool = False
    replaces: bool = False
    drops: bool = False
    unstamped: bool = True
    answers: bool = True
    policies: Mapping[str, str] = field(default_factory=dict)


@dataclass
class World:
    seed: int
    shape: Shape
    edits: list[Edit] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.clock = START
        self.hooks: list[tuple[int, str]] = []
        self.calm = False
        self.crash_in = -1
        self.store = Watched()
        names = [chr(ord("a") + i) for i in range(self.shape.sides)]
        self.vendors = {n: MemoryVendor(self.now, self._habits(n), Random(self.dice.random())) for n in names}
        self.connectors = {n: Spied(Account(n, "", {"secret": "s"}), here=v) for n, v in self.vendors.items()}
        self.stages = {n: LOSSY if self.shape.lossy and i == len(names) - 1 else FINE for i, n in enumerate(names)}
        self.flow = Flow(
            self.store,
            {n: Connection(self.connectors[n], self._core_habits(n), i) for i, n in enumerate(names)},
            self.shape.policies,
            now=self._tick,
            dice=self.dice.random,
        )
        self.hot = self.dice.sample([f.name for f in TABLE], 3)  # people quarrel about a few fields
        self.faults = {n: v.habits.faults for n, v in self.vendors.items()}
        self._seed_data(names)

    # set-up

    def _habits(self, name: str) -> Habits:
        s, dice = self.shape, self.dice
        lag = dice.choice((0, 1_000, 8_000)) if s.lag else 0
        faults = {"refused": 0.06, "throttled": 0.04, "lost": 0.06, "landed": 0.08, "read_failed": 0.06}
        return Habits(
            lag=lag,
            stamped=not s.unstamped or dice.random() < 0.5,
            replaces=s.replaces and dice.random() < 0.6,
            answer=dice.choice(("stored", "unknown", "none")) if s.answers else "stored",
            hooks=not s.polling or dice.random() < 0.4,
            tidy=_tidy if s.tidy and dice.random() < 0.7 else (lambda f, n: n),
            faults=faults if s.faults else {},
        )

    def _core_habits(self, name: str) -> rules.Habits:
        h = self.vendors[name].habits
        return rules.Habits(
            lag=h.lag,
            suspect=max(40_000, 2 * h.lag) if h.lag else 0,
            timeout=h.timeout,
            react=0,
            scan=0,
            answer=h.answer,
        )

    def _seed_data(self, names: list[str]) -> None:
        rows = []
        for n in names:
            for native, meanings in self.stages[n].items():
                for i, c in enumerate(meanings):
                    rows.append(_choice(n, "stage", native, c, reads=i == 0))
            rows += [_choice(n, "owner", f"{n}-{c}", c) for c in OWNERS]
            self.vendors[n].add(self.id_at(n), self._start(n))
        self.store.put_choices(rows, self.clock)
        self.words_changed()
        self.link = self.store.link([Ref(n, self.id_at(n)) for n in names], self.clock)
        self._calm(True)
        self._drain()
        self._calm(False)
        assert not any(v.applied for v in self.vendors.values()), "a first look wrote something"
        self.start = {n: dict(v.current(self.id_at(n))) for n, v in self.vendors.items()}

    def words_changed(self) -> None:
        """Read the choices again; call it after each change of them."""
        self.words = self.store.words()
        for name, connector in self.connectors.items():
            connector.words = self.words.get(name, Words())

    def _start(self, name: str) -> dict[str, Native]:
        stage = next(native for native, meanings in self.stages[name].items() if "new" in meanings)
        return {
            "name": "Deal of the start",
            "description": "as agreed",
            "amount": "1000",
            "stage": stage,
            "owner": f"{name}-hoa",
            "probability": 10,
            "expected_close": "2026-12-31",
        }

    def _names(self, side: str) -> list[str]:
        """The fields that people can edit there; one that the stage shows is edited by the stage."""
        return [f.name for f in self.vendors[side].habits.table if not f.via]

    def id_at(self, name: str) -> str:
        return f"{name}1"

    def now(self) -> int:
        return self.clock

    def _tick(self) -> int:
        self.clock += 1
        self._maybe_crash()
        return self.clock

    def _maybe_crash(self) -> None:
        if self.crash_in >= 0:
            self.crash_in -= 1
            if self.crash_in < 0:
                raise Crash

    # a history

    def play(self, steps: int) -> None:
        """Let people and vendors do as they like for a while; then all faults end and the judge speaks."""
        try:
            for _ in range(steps):
                self._step()
            self.calmly()
            self.judge()
            self._replayed_writes_nothing()
            self._final_edit_wins()
        except Exception as error:
            error.add_note(self.tell())
            raise

    def _step(self) -> None:
        roll = self.dice.random()
        if roll < 0.28:
            self.edit()
        elif roll < 0.34:
            self.clock += self.dice.choice((10, 500, 3_000, 20_000, 120_000))
        elif roll < 0.40:
            self.sweep(self.dice.choice(list(self.vendors)))
        else:
            self.carry()
            self.work()

    def edit(self, side: str | None = None, name: str | None = None) -> None:
        side = side or self.dice.choice(list(self.vendors))
        name = name or self.dice.choice(self.hot if self.dice.random() < 0.8 else self._names(side))
        value = self._value(side, name)
        vendor = self.vendors[side]
        if vendor.habits.replaces:  # else its tidying of what we merely send back would be an edit that nobody made
            value = vendor.habits.tidy(name, value)
        if vendor.current(self.id_at(side))[name] == value:
            return
        self.clock += 1
        vendor.person(self.id_at(side), **{name: value})
        self.edits.append(Edit(self.clock, side, name, value, self.side_rules(side).decode(name, value)))
        self.story.append(f"t={self.clock - START} a person sets {side}.{name} to {value!r}")

    def _value(self, side: str, name: str) -> Native:
        n = len(self.edits)
        return {
            "name": f"Deal  number {n}" if self.shape.tidy else f"Deal number {n}",
            "description": f"words {n} " + "and more of them " * self.dice.randint(0, 2) + str(n),
            "amount": f"{2000 + n * 7}.4" if self.shape.tidy else str(2000 + n * 7),
            "stage": self.dice.choice(list(self.stages[side])),
            "owner": f"{side}-{self.dice.choice(OWNERS)}",
            "probability": (11 + n) % 101,
            "expected_close": f"20{27 + n // 28 % 60}-01-{1 + n % 28:02d}",
        }[name]

    def carry(self) -> None:
        """Take webhooks from the vendors, keep some for later, twice or never, and hand over what is due."""
        for name, vendor in self.vendors.items():
            for vendor_id in vendor.hooks:
                roll = self.dice.random()
                if self.shape.drops and not self.calm and roll < 0.15:
                    continue
                copies = 2 if roll > 0.8 and not self.calm else 1
                for _ in range(copies):
                    late = 0 if self.calm else self.dice.choice((0, 0, 0, 400, 5_000, 90_000))
                    self.hooks.append((self.clock + late, f"{name}/{vendor_id}"))
            vendor.hooks.clear()
        due = [h for h in self.hooks if h[0] <= self.clock]
        self.hooks = [h for h in self.hooks if h[0] > self.clock]
        self.dice.shuffle(due)
        for _, hook in due:
            name, _, vendor_id = hook.partition("/")
            inbound = self.connectors[name].hook(vendor_id)
            kept = {"method": "POST", "query": {}, "content_type": "application/json", "body": inbound.body}
            self.store.accept(name, None, self.clock, **kept)

    def work(self) -> bool:
        if self.shape.crashes and not self.calm and self.dice.random() < 0.25:
            self.crash_in = self.dice.randint(0, 25)
        try:
            self.flow.take_in()
            claim = self.flow.claim("worker")
            if claim is not None:
                self.flow.work(claim)
        except Crash:
            self.clock += self.dice.choice((1, LEASE_MS + 1))
            return True
        finally:
            self.crash_in = -1
        return claim is not None

    def sweep(self, name: str) -> int:
        """Sweep one connection; return how many looks it asked for."""
        try:
            return sweep(self.connectors[name], self.store, self.now).looks
        except Transient:
            return 0

    def calmly(self) -> None:
        """All faults end; run until the talk stops, and sweeps find no difference either."""
        self._calm(True)
        for _ in range(4):
            self._drain()
            self.clock += 200_000
            if not sum([self.sweep(name) for name in self.vendors]):
                break
        else:
            raise AssertionError("I1: the sweeps still find differences")
        self._calm(False)

    def _calm(self, calm: bool) -> None:
        self.calm = calm
        for n, v in self.vendors.items():
            v.habits.faults = {} if calm else self.faults[n]

    def _drain(self) -> None:
        for _ in range(STEPS_MAX):
            self.carry()
            if self.work():
                continue
            waits = [at for at in (self.store.next_look(), min((h[0] for h in self.hooks), default=None)) if at]
            if not waits:
                return
            late = self.dice.choice((0, 400, 3_000))  # exactly when it is due, or as late as a busy worker
            self.clock = max(self.clock + 1, min(waits) + late)
        raise AssertionError("I1: the talk does not stop")

    # the judge

    def side_rules(self, name: str) -> SideRules:
        fields = {f.name: f for f in self.vendors[name].habits.table}
        return SideRules(name, fields, words=self.words.get(name, Words()))

    def peek(self) -> Link:
        return self.store.peek(self.link)

    def judge(self) -> None:
        self.hubs, self.journal = self.peek().hubs, self.store.journal(self.link)
        self._writes_bounded()
        self._level()
        self._nothing_lost()
        self._winner_untouched()
        self._unedited_untouched()
        self._everything_ended()

    def _writes_bounded(self) -> None:
        writes = sum(len(v.applied) for v in self.vendors.values())
        bound = len(self.edits) * (len(self.vendors) - 1)
        assert writes <= bound, f"I1: {writes} writes for {len(self.edits)} edits"

    def _level(self) -> None:
        hubs = self.hubs
        for name, vendor in self.vendors.items():
            r = self.side_rules(name)
            for f, n in vendor.current(self.id_at(name)).items():
                ok = r.agrees(f, hubs[f].value, n) or self._tidied(name, f, hubs[f].value, n)
                assert ok, f"I2: {name}.{f} shows {n!r}, the hub says {hubs[f].value!r}"

    def _tidied(self, name: str, f: str, c: object, n: Native) -> bool:
        encoded = self.side_rules(name).encode(f, c)  # type: ignore[arg-type]
        return self.vendors[name].habits.tidy(f, encoded) == n

    def _nothing_lost(self) -> None:
        journal, hubs = self.journal, self.hubs
        told = {(e["field"], str(e[k])) for e in journal for k in ("old", "new") if e["what"] in ("set", "lost")}
        same = {(e["field"], str(e["new"])) for e in journal if e["what"] == "settled_equal"}
        for i, e in enumerate(self.edits):
            superseded = any(x.side == e.side and x.field == e.field for x in self.edits[i + 1 :])
            known = (e.field, str(e.canonical)) in told | same or hubs[e.field].value == e.canonical
            agreed = self.side_rules(e.side).agrees(e.field, hubs[e.field].value, e.value)
            assert superseded or known or agreed or self._overrun(e), f"I3: lost {e}"

    def _overrun(self, e: Edit) -> bool:
        """I10: our write landed within the lag, one call and the time of a late landing after the edit."""
        h = self.vendors[e.side].habits
        window = h.lag + 100 + (h.timeout if self.shape.faults else 0) + (LEASE_MS if self.shape.crashes else 0)
        applied = self.vendors[e.side].applied
        return any(e.at <= at <= e.at + window and (h.replaces or e.field in f) for at, _, f in applied)

    def _winner_untouched(self) -> None:
        for f, h in self.hubs.items():
            mine = [e for e in self.edits if e.field == f]
            if not mine or h.origin not in self.vendors:
                continue
            last = [e for e in mine if e.side == h.origin][-1:]
            if last and last[0] == mine[-1] and last[0].canonical == h.value:
                n = self.vendors[h.origin].current(self.id_at(h.origin))[f]
                assert n == last[0].value or self._overrun(last[0]), f"I5: {h.origin}.{f} is {n!r}"

    def _unedited_untouched(self) -> None:
        edited = {e.field for e in self.edits}
        for name, before in self.start.items():
            for f, n in self.vendors[name].current(self.id_at(name)).items():
                assert f in edited or n == before[f], f"I6: {name}.{f} became {n!r}"

    def _everything_ended(self) -> None:
        """Nothing waits any more: each delivery has its one outcome, no look is left, no write is open."""
        for d in self.deliveries():
            assert d["state"] == "done" and d["outcome"], f"delivery {d['id']} is {d['state']} {d['outcome']!r}"
        assert self.store.next_look() is None, "a look is left over"
        assert not [side for side in self.peek() if side.open], "a write is left open"

    def deliveries(self) -> list[Mapping[str, Any]]:
        return [dict(r) for r in self.store.db.run("deliveries", n=-1)]

    def _replayed_writes_nothing(self) -> None:
        """I8: every delivery once more, in any order, changes nothing anywhere."""
        before = self._everything()
        ids = [d["id"] for d in self.deliveries()]
        self.dice.shuffle(ids)
        for each in ids:
            assert self.store.replay(each)
        self._calm(True)
        self._drain()
        self._calm(False)
        assert self._everything() == before, "I8: handling all deliveries again changed something"
        self._everything_ended()

    def _everything(self) -> tuple[object, ...]:
        hubs = {f: (h.value, h.version) for f, h in self.peek().hubs.items()}
        shown = {n: dict(v.current(self.id_at(n))) for n, v in self.vendors.items()}
        return hubs, shown, {n: len(v.applied) for n, v in self.vendors.items()}

    def _final_edit_wins(self) -> None:
        """I4: an edit made when all delays are over beats every older edit, on every side; of two, the later wins."""
        self.clock += HELD_MS
        side = self.dice.choice(list(self.vendors))
        name = self.dice.choice(self._names(side))
        for _ in range(2):
            made = len(self.edits)
            while len(self.edits) == made:
                self.edit(side, name)
        last = self.edits[-1]
        self.calmly()
        self.judge()
        hub = self.hubs[name]
        # agrees: an edit there and back may leave a finer value of another side
        assert self.side_rules(side).agrees(name, hub.value, last.value), f"I4: {last} did not win, {hub} did"
        shown = self.vendors[side].current(self.id_at(side))[name]
        assert shown == last.value, f"I5: {side}.{name} was set to {last.value!r} and shows {shown!r}"

    def tell(self) -> str:
        journal = [
            f"  t={e['at'] - START} {e['what']} {e['connection']}.{e['field']} {e['old']!r} -> {e['new']!r}"
            for e in self.store.journal(self.link)
        ]
        habits = [
            f"  {n}: lag {v.habits.lag} stamped {v.habits.stamped} replaces {v.habits.replaces} "
            f"answer {v.habits.answer} hooks {v.habits.hooks}"
            for n, v in self.vendors.items()
        ]
        applied = [f"  t={at - START} {n} {f}" for n, v in self.vendors.items() for at, _, f in v.applied]
        parts = [f"seed={self.seed} {self.shape}", *habits, *self.story, "journal:", *journal, "writes:", *applied]
        return "\n".join(parts)


def _choice(connection: str, name: str, native: str, canonical: str, reads: bool = True) -> dict[str, object]:
    return {
        "connection": connection,
        "field": name,
        "native": native,
        "canonical": canonical,
        "reads": int(reads),
        "writes": 1,
        "scope": "",
    }


def _tidy(name: str, n: Native) -> Native:
    if name == "name":
        return " ".join(str(n).split())
    if name == "amount":
        return str(round(float(str(n)))) if n else n
    if name == "description":
        return str(n)[:30].strip()
    return n
