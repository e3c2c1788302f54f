"""Sides on the honest fake: vendors in memory with every bad habit that the algorithm claims to bear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from random import Random
from types import SimpleNamespace
from typing import Any, Literal

from bridge.connectors.base import Account, Inbound, Page
from bridge.connectors.memory import TABLE, Habits, Memory, MemoryVendor
from bridge.core import rules
from bridge.core.errors import Disconnected, Permanent, Transient
from bridge.core.fields import Choice
from bridge.core.model import Native, Record, Ref
from bridge.store import Store
from bridge.web.receiver import Receiver
from tests.sim.loop import Loop
from tests.sim.sides import Broken, Side, Written

SECRET = "s"
OWNERS = ("hoa", "minh", "lan")
# A lossy vendor knows two stages only, the first for three canonical ones; the finer one keeps all.
FINE = {"10": ("new",), "20": ("qualified",), "30": ("proposal",), "40": ("won",), "50": ("lost",)}
LOSSY = {"1": ("new", "qualified", "proposal"), "2": ("won",), "3": ("lost",)}
STATUS = {"10": "open", "20": "open", "30": "open", "40": "won", "50": "lost"}
APART = (*TABLE, Choice("status", "state", blank=False))
BY_STAGE = (*TABLE, Choice("status", "stage_id", blank=False, via="stage"))
START: Mapping[str, Native] = {
    "name": "Deal of the start",
    "description": "as agreed",
    "amount": "1000",
    "probability": 10,
    "expected_close": "2026-12-31",
}


@dataclass(frozen=True)
class Manners:
    """
    What one vendor does. lag: reads may be so stale (ms), as declared. slow: after a write of ours reads may show the
    state before it for so long, whatever is declared. tidy: it trims, rounds and cuts what it is sent. recut: reads
    show the same value in another form each time. bot: `mark` (its automation answers each write of the name with its
    own mark) or `derive` (a new stage sets the probability). status: it has one; `by_stage` if the stage tells it.
    picky: it refuses some names for good, with all that comes with them. shortens: people there shorten names.
    differs: its deal held other values when it was linked. odd: people there enter what others trim and round.
    """

    lag: int = 0
    slow: int = 0
    stamped: bool = True
    replaces: bool = False
    answer: str = "stored"
    hooks: bool = True
    tidy: bool = False
    recut: bool = False
    lossy: bool = False
    bot: str = ""
    react: int = 0
    scan: int = 600_000
    timeout: int = 5_000
    status: str = ""
    picky: bool = False
    shortens: bool = False
    differs: bool = False
    odd: bool = False


class Vendor(MemoryVendor):
    """The vendor in memory, with habits that the contract of the fake does not need."""

    def __init__(self, loop: Loop, manners: Manners, dice: Random) -> None:
        table = {"": TABLE, "apart": APART, "by_stage": BY_STAGE}[manners.status]
        habits = Habits(
            manners.lag,
            manners.stamped,
            manners.replaces,
            manners.answer,  # type: ignore[arg-type]
            manners.hooks,
            _tidied if manners.tidy else lambda name, n: n,
            timeout=manners.timeout,
            table=table,
        )
        super().__init__(lambda: loop.now, habits, dice)
        self.loop, self.manners = loop, manners
        self.automated: Callable[[Mapping[str, Native]], None] = lambda before: None
        self.shown: dict[str, Native] = {}

    def seen(self, vendor_id: str) -> tuple[int, dict[str, Native]]:
        stamp, shown = super().seen(vendor_id)
        states = self.records[vendor_id].states
        if self.manners.slow and self.applied and len(states) > 1 and self.dice.random() < 0.5:
            written, known = self.applied[-1][0], self.shown == states[-2][2]  # else it would be an edit seen too late
            if known and written == states[-1][0] and self.loop.now < written + self.manners.slow:
                return states[-2][1], dict(states[-2][2])
        self.shown = dict(shown)
        if self.manners.recut:
            shown = self._recut(shown)
        return stamp, shown

    def _recut(self, shown: dict[str, Native]) -> dict[str, Native]:
        other = {"amount": f"{Decimal(str(shown['amount'])):.2f}", "name": f"{shown['name']} "}
        return {f: other[f] if f in other and self.dice.random() < 0.5 else n for f, n in shown.items()}

    def apply(self, vendor_id: str, sent: Mapping[str, Native], at: int | None = None) -> None:
        before = dict(self.records[vendor_id].states[-1][2])
        super().apply(vendor_id, sent, at)
        self._automate(vendor_id, before)

    def _automate(self, vendor_id: str, before: Mapping[str, Native]) -> None:
        now = self.records[vendor_id].states[-1][2]
        later = self.loop.now + self.dice.choice((300, 2_000, 20_000))
        mark = f"[{vendor_id}]"
        if self.manners.bot == "mark" and now["name"] != before["name"] and not str(now["name"]).endswith(mark):
            title = f"{str(now['name']).partition(' [')[0]} {mark}"
            self.loop.call_at(later, lambda: self._by_bot(vendor_id, name=title))
        if self.manners.bot == "derive" and now["stage"] != before["stage"]:
            chance = int(str(now["stage"])) % 89
            self.loop.call_at(later, lambda: self._by_bot(vendor_id, probability=chance))

    def _by_bot(self, vendor_id: str, **changes: Native) -> None:
        before = dict(self.current(vendor_id))
        if any(before[f] != n for f, n in changes.items()):
            self._change(vendor_id, changes, self.loop.now)
            self.automated(before)


class Fake(Memory):
    """The connector of a fake side: each call takes time, and meets what fate has for it."""

    def __init__(self, side: FakeSide) -> None:
        super().__init__(Account(side.name, "", {"secret": SECRET}), here=side.vendor)
        self.side = side
        self.issued: dict[int, tuple[Record, int]] = {}
        self.deadly = False

    def read(self, ref: Ref) -> Record | None:
        issued = self.side.loop.now
        self.side.is_called()
        seen = None if self._call("read") else super().read(ref)
        if seen is not None:
            self.issued[id(seen)] = (seen, issued)
            self.side.has_read()
        else:
            self.side.has_missed()
        self._back()
        return seen

    def scan(self, cursor: str | None) -> Page:
        self._call("read")
        page = super().scan(cursor)
        self._back()
        return page

    def write(self, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        side, vendor_id = self.side, seen.ref.vendor_id
        side.judge_patch(seen.fields, patch)
        sent = {**seen.fields, **patch} if side.manners.replaces else dict(patch)
        read_at = self.issued.pop(id(seen), (None, side.loop.now))[1]
        self._call("write", lambda: side.apply(sent, read_at, seen.fields))
        if side.manners.picky and side.refuses(str(patch.get("name", ""))):
            raise Permanent("markup", "HTTP 400")
        before = dict(side.vendor.current(vendor_id))
        answer = side.apply(sent, read_at, seen.fields, lambda: self._answer(vendor_id, before, patch))
        if self.deadly:
            side.loop.die()
        self._back()
        return answer

    def _call(self, on: Literal["read", "write"], land: Callable[[], object] = lambda: None) -> bool:
        """Let a call travel, and raise what fate has for it; return whether a read finds nothing."""
        side, loop, self.deadly = self.side, self.side.loop, False
        loop.step(side.dice.choice((5, 20, 60, 120, 120, 900)))
        if side.dead:
            raise Disconnected("unauthorized", "HTTP 401")
        fate = side.meet(on)
        if fate is None:
            return on == "read" and loop.now < side.gone_until
        side.tell(f"the next {on} at {side.name} is {fate}")
        if fate.blow == "landed":
            loop.call_at(loop.now + fate.ms, land)
        if fate.blow in ("landed", "lost"):
            loop.step(side.manners.timeout // 2)
            raise Transient("no_answer", "timed out", in_doubt=True)
        if fate.blow == "death":
            loop.die()
        if fate.blow == "gone":
            side.gone_until = loop.now + fate.ms
        self.deadly = fate.blow == "death_after"
        side.dead = fate.blow == "unauthorized"
        _refuse(fate.blow, side.dice)
        return fate.blow == "gone"

    def _back(self) -> None:
        self.side.loop.step(self.side.dice.choice((1, 5, 20)))


def _refuse(blow: str, dice: Random) -> None:
    """Raise what the vendor's refusal becomes, if it refuses."""
    if blow == "refused":
        raise Transient("no_connection", "refused")
    if blow == "broken":
        raise Transient("server_error", "HTTP 500", in_doubt=True)
    if blow == "throttled":
        raise Transient("throttled", "HTTP 429", after_s=dice.choice((None, 5.0)), whole=True)
    if blow == "denied":
        raise Permanent("invalid", "HTTP 400")
    if blow == "unauthorized":
        raise Disconnected("unauthorized", "HTTP 401")


class FakeSide(Side):
    """A side on a Vendor. dead: its credentials are refused. gone_until: reads find nothing (ms)."""

    def __init__(self, loop: Loop, name: str, order: int, manners: Manners, dice: Random) -> None:
        super().__init__(loop)
        self.name, self.order, self.manners, self.dice = name, order, manners, dice
        self.ref = Ref(name, f"{name}1")
        self.lag = max(manners.lag, manners.slow)
        self.by_stage, self.stamped = manners.status == "by_stage", manners.stamped
        self.vendor = Vendor(loop, manners, Random(dice.random()))
        self.vendor.automated = lambda before: self.has_automated(before)
        self.stages = LOSSY if manners.lossy else FINE
        self.fields = tuple(f.name for f in self.vendor.habits.table if not f.via)
        self.dead, self.gone_until = False, 0
        self.habits = rules.Habits(
            lag=manners.lag,
            suspect=max(40_000, 2 * manners.lag, manners.slow) if manners.lag or manners.slow else 0,
            timeout=manners.timeout,
            react=manners.react,
            scan=manners.scan,
            answer=manners.answer,  # type: ignore[arg-type]
        )
        stage = next(native for native, meanings in self.stages.items() if "new" in meanings)
        start = {**START, "stage": stage, "owner": f"{name}-hoa"}
        if manners.differs:
            start |= {"description": f"as {name} put it", "probability": 30 + order, "owner": f"{name}-lan"}
        if manners.status:
            start["status"] = stage if self.by_stage else "open"
        self.vendor.add(self.ref.vendor_id, start)

    def connect(self) -> Fake:
        return Fake(self)

    def describe(self) -> str:
        usual = vars(Manners())
        odd = [f"{k}={v}" for k, v in vars(self.manners).items() if v != usual[k]]
        return ", ".join(odd) or "no bad habits"

    def choices(self) -> Sequence[Mapping[str, Any]]:
        rows = []
        for native, meanings in self.stages.items():
            rows += [_choice(self.name, "stage", native, c, reads=i == 0) for i, c in enumerate(meanings)]
        rows += [_choice(self.name, "owner", f"{self.name}-{c}", c) for c in OWNERS]
        if self.by_stage:
            says = {c: n for n, c in reversed(STATUS.items())}
            rows += [_choice(self.name, "status", n, c, writes=says[c] == n) for n, c in STATUS.items()]
        else:
            rows += [_choice(self.name, "status", c, c) for c in ("open", "won", "lost")]
        return rows

    # people

    def value(self, field: str, n: int) -> Native:
        odd, name = self.manners.odd, str(self.shows()["name"])
        shorter = self.manners.shortens and n % 2 == 0 and len(name) > 10
        return {
            "name": name[:-2] if shorter else f"Deal  number {n}" if odd else f"Deal number {n:03d}",
            "description": f"words {n} " + "and more of them " * (n % 3) + str(n),
            "amount": f"{2000 + n * 7}.4" if odd else str(2000 + n * 7),
            "stage": list(self.stages)[n % len(self.stages)],
            "owner": f"{self.name}-{OWNERS[n % 3]}",
            "probability": (11 + n) % 101,
            "expected_close": f"20{27 + n // 28 % 60}-01-{1 + n % 28:02d}",
            "status": ("open", "won", "lost")[n % 3],
        }[field]

    def edit(self, field: str, value: Native) -> bool:
        # else its tidying of what we merely send back would be an edit that nobody made
        value = self.vendor.habits.tidy(field, value) if self.manners.replaces else value
        if self.shows()[field] == value:
            return False
        self.vendor.person(self.ref.vendor_id, **{field: value})
        return True

    # what it really holds

    def shows(self) -> Mapping[str, Native]:
        return self.vendor.current(self.ref.vendor_id)

    def says(self, field: str, shown: Native) -> object:
        if field == "stage":
            return self.stages[str(shown)][0]
        if field == "status":
            return STATUS[str(shown)] if self.by_stage else shown
        if field == "owner":
            return str(shown).partition("-")[2]
        if field == "amount":
            return f"{Decimal(str(shown)).normalize():f} USD"
        return str(shown).strip() or None if field in ("name", "description") else shown

    def fits(self, field: str, canonical: object, shown: Native) -> bool:
        if self.says(field, shown) == canonical:
            return True
        if field == "stage":
            return canonical in self.stages[str(shown)]
        if field in ("name", "description", "amount"):
            text = str(canonical).partition(" ")[0] if field == "amount" else str(canonical)
            return shown == self.vendor.habits.tidy(field, text[:60] if field == "description" else text)
        return False

    def status_of(self, stage: object) -> object:
        return {meanings[0]: STATUS[n] for n, meanings in FINE.items()}.get(str(stage))

    def deals(self) -> int:
        return len(self.vendor.records)

    # the way to the bridge

    def hooks(self) -> list[Inbound]:
        sent = [self._plain.hook(vendor_id) for vendor_id in self.vendor.hooks]
        self.vendor.hooks.clear()
        return sent

    def arrive(self, store: Store, inbound: Inbound) -> None:
        bridge = SimpleNamespace(
            store=store, connectors={self.name: self._plain}, path_secrets={}, secret_values=(SECRET,), now=self._now
        )
        reply = Receiver(bridge).receive(self.name, None, inbound)  # type: ignore[arg-type]
        assert reply.status == 200, reply

    @cached_property
    def _plain(self) -> Memory:
        return Memory(Account(self.name, "", {"secret": SECRET}), here=self.vendor)

    def _now(self) -> int:
        return self.loop.now

    # what the connector does here

    def apply(
        self,
        sent: Mapping[str, Native],
        read_at: int,
        seen: Mapping[str, Native],
        answered: Callable[[], Record | None] = lambda: None,
    ) -> Record | None:
        """Take a write in, remember it, and return the answer; nobody edits in between."""
        before = dict(self.shows())
        self.vendor.apply(self.ref.vendor_id, sent)
        after, answer = dict(self.shows()), answered()
        changed = frozenset(f for f in after if after[f] != before[f])
        self.wrote(Written(self.loop.now, read_at, changed, frozenset(sent), seen), before)
        return answer

    def refuses(self, name: str) -> bool:
        return self.manners.picky and name.endswith(("3", "5", "8"))

    def takes(self, field: str, canonical: object) -> bool:
        return field != "name" or not self.refuses(str(canonical))

    def judge_patch(self, seen: Mapping[str, Native], patch: Mapping[str, Native]) -> None:
        """I7: a write has something to say that the record, as just read, does not say."""
        groups: dict[str, list[str]] = {}
        for f in patch:
            groups.setdefault("stage" if self.by_stage and f == "status" else f, []).append(f)
        for names in groups.values():
            if all(self.says(f, seen[f]) == self.says(f, patch[f]) for f in names):
                raise Broken("I7", f"a write to {self.name} says of {', '.join(names)} what it shows already")

    def calm(self) -> None:
        super().calm()
        self.dead, self.gone_until = False, 0


def _tidied(name: str, n: Native) -> Native:
    if name == "name":
        return " ".join(str(n).split())
    if name == "amount":
        return str(round(float(str(n)))) if n else n
    if name == "description":
        return str(n)[:30].strip()
    return n


def _choice(
    connection: str, name: str, native: str, canonical: str, reads: bool = True, writes: bool = True
) -> Mapping[str, Any]:
    key = {"connection": connection, "field": name, "native": native, "canonical": canonical}
    return {**key, "reads": int(reads), "writes": int(writes), "scope": ""}
