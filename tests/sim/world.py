"""
The bridge on virtual time: the real store, flow, worker and sweeper, between simulated sides, through one schedule.

What is simulated is what surrounds it: time, the order of threads, the network, the CRMs, people, and death.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from bridge.connectors.base import Inbound
from bridge.core.model import FOREVER, Native
from bridge.desk import Desk, Refused
from bridge.desk.decisions import decide
from bridge.flow import Flow
from bridge.log import trace_of
from bridge.sides import Connection
from bridge.store import Claim
from bridge.sweep import Swept
from bridge.worker import Worker
from tests.desk.lists import settings_of
from tests.sim.acts import Act, schedule
from tests.sim.loop import Crash, Endless, Loop
from tests.sim.mending import mend, mend_all
from tests.sim.scenarios import Scenario
from tests.sim.sides import Broken, Side, Written
from tests.sim.stepped import SteppedStore

START = 1_750_000_000_000
TURNS_MAX = 12_000
ROUNDS_MAX = 8
ROUNDS_A_DAY = 5  # an argument goes on after a pause, four times a day


@dataclass(frozen=True)
class Edit:
    """
    One field that a person has really changed. shown: as the vendor keeps it. canonical: what it means. Where the stage
    tells the status, one act may change both.
    """

    at: int
    side: str
    field: str
    shown: Native
    canonical: object


@dataclass(frozen=True)
class Decision:
    """What a person has decided at the bridge: that this side's value stands, which means `canonical`."""

    at: int
    side: str
    field: str
    canonical: object


class LoudFlow(Flow):
    """A flow whose own defects are not put away, and which must have a link to itself. working: by link."""

    working: dict[str, Claim]
    task: Callable[[], Any]

    def work(self, claim: Claim) -> None:
        other = self.working.get(claim.link)
        if other is not None and other.until > self.now():
            raise Broken("A7", "two workers hold the lease of one link")
        self.working[claim.link] = claim
        if self.task() is not None:
            self.task().began = self.now()
        super().work(claim)
        if self.working.get(claim.link) is claim:
            del self.working[claim.link]

    def bury(self, claim: Claim, trace: str) -> None:
        error = sys.exc_info()[1]
        rule = "I13" if isinstance(error, sqlite3.IntegrityError) and "I13" in str(error) else "defect"
        raise Broken(rule, f"{type(error).__name__}: {error} at {trace_of(error) if error else ''}") from error


class Rest:
    """Stands for the worker's stop event: nobody stops it, and it waits in virtual time."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def is_set(self) -> bool:
        return False

    def wait(self, s: float) -> bool:
        self.loop.rest(s)
        return False


class World:
    """One schedule. acts: instead of those that the seed makes, to play a part of them."""

    def __init__(self, scenario: Scenario, seed: int, acts: Sequence[Act] | None = None) -> None:
        dice = Random(f"{scenario.name} {seed}")
        self.scenario, self.seed = scenario, seed
        self.loop = Loop(Random(dice.random()), START)
        self.dice = Random(dice.random())
        self.sides: dict[str, Side] = {s.name: s for s in scenario.sides(self.loop, Random(dice.random()))}
        made = schedule(scenario.menu, list(self.sides.values()), Random(dice.random()))
        self.acts = made if acts is None else tuple(acts)
        self.edits: list[Edit] = []
        self.decisions: list[Decision] = []
        self.by_bot: list[tuple[int, str, str]] = []
        self.story: list[tuple[int, str]] = []
        self.hook_fates: dict[str, deque[int]] = {name: deque() for name in self.sides}
        self.sneaks: list[Act] = []
        self.before: dict[tuple[str, str], Native] = {}
        self.heard: dict[str, list[int]] = {name: [] for name in self.sides}
        self.missed: dict[str, list[int]] = {name: [] for name in self.sides}
        self.history: dict[tuple[str, str], list[tuple[int, Native]]] = {}
        self.joined: dict[str, list[int]] = {name: [] for name in self.sides}
        self.up: set[int] = set()
        self.working: dict[str, Claim] = {}
        self.found = 0
        self.store = SteppedStore(self.loop)
        if scenario.power:
            self.store.db.left = []
        self.loop.ask_due, self.loop.after, self.loop.died = self._due, self._carry, self._died
        self._set_up()

    def _set_up(self) -> None:
        for side in self.sides.values():
            side.tell = self.tell
            side.is_called = partial(self._called, side)
            side.has_read = partial(self._read, side)
            side.has_missed = partial(self._missed, side)
            side.has_written = partial(self._written, side)
            side.has_automated = partial(self._automated, side)
        self.store.db.many("put_choice", [dict(row) for side in self.sides.values() for row in side.choices()])
        self.scenario.prepare(self.store, list(self.sides.values()), self.loop.now)
        self.link = self.store.link([side.ref for side in self.sides.values()], self.loop.now)
        for process in range(self.scenario.menu.processes):
            self.boot(process)
        self.run_dry()
        if any(side.written for side in self.sides.values()):
            raise Broken("R16", "a first look wrote something")
        self.start = {name: dict(side.shows()) for name, side in self.sides.items()}
        self.deals = {name: side.deals() for name, side in self.sides.items()}
        self.began = self.loop.now

    def boot(self, process: int) -> None:
        """Start a worker process, unless it runs."""
        if process in self.up:
            return
        self.up.add(process)
        connections = self._connections()
        dice = Random(self.dice.random())
        flow = LoudFlow(self.store, connections, self.scenario.policies, now=self._now, dice=dice.random)
        flow.working, flow.task = self.working, lambda: self.loop.current
        scans = {s.name: s.habits.scan / 1000 for s in self.sides.values() if s.habits.scan}
        rest: Any = Rest(self.loop)
        worker = Worker(flow, scans, self.scenario.threads, name=f"process {process}", swept=self._swept, stop=rest)
        for duty in worker.duties():
            self.loop.start(process, duty)

    def _connections(self) -> dict[str, Connection]:
        return {s.name: Connection(s.connect(), s.habits, s.order) for s in self.sides.values()}

    def _now(self) -> int:
        return self.loop.now

    def _due(self) -> int | None:
        due = self.store.next_look()
        return None if due is None or due >= FOREVER // 2 else due

    def _swept(self, connection: str, swept: Swept) -> None:
        self.found += swept.looks

    def tell(self, text: str) -> None:
        self.story.append((self.loop.now, text))

    # a schedule

    def play(self) -> None:
        """Play the acts in their time; raises Broken."""
        try:
            for act in self.acts:
                self.loop.run(self.began + act.at)
                self.perform(act)
                self._carry()
        except Crash as crash:
            raise Broken("defect", "a crash outside of its process") from crash
        except Endless as endless:
            raise Broken("I1", "the talk does not stop") from endless

    def perform(self, act: Act) -> None:
        if act.kind in ("after_read", "after_write"):
            self.sneaks.append(act)
        elif act.kind == "fate" and act.fate is not None:
            self.sides[act.side].fates.append(act.fate)
        elif act.kind == "hook":
            self.hook_fates[act.side].append(act.n)
        elif act.kind == "pause":
            self.tell(f"{act.side} pauses for {act.n / 1000:g} s")
            self.store.pause(act.side, "another deal's call was over the limit", self.loop.now + act.n)
        elif act.kind in ("crash", "stall"):
            self._strike(act)
        elif act.kind == "mend":
            mend(self, act)
        else:
            self._by_people(act)

    def _strike(self, act: Act) -> None:
        process = int(act.side)
        if process in self.up and act.kind == "crash":
            self.loop.fuses[process] = act.n
        elif process in self.up:
            self.tell(f"process {process} is to freeze for {act.n / 1000:g} s")
            self.loop.stalls[process] = (act.steps, act.n)

    def _by_people(self, act: Act) -> None:
        if act.kind == "agree":
            for name in self.sides:
                self._enter(name, "name", self.sides[act.side].shows()["name"])
        elif act.kind == "revert" and (act.side, act.field) in self.before:
            self._enter(act.side, act.field, self.before[act.side, act.field])
        elif act.kind == "decide":
            self._decide(act.side, act.field)
        elif act.kind in ("edit", "both"):
            self.edit(act.side, act.field, act.n)
        if act.kind == "both":
            self.edit(act.other, act.field, act.n + 500)

    def _decide(self, name: str, field: str) -> None:
        """Let a person decide at the desk, whoever works on the link at this moment; nothing, unless it is held."""
        self.loop.now += 1
        desk = Desk(self.store, self._connections(), settings_of(self.scenario.policies), self._now)
        try:
            stood = decide(desk, "a person", self.link, field, name)
        except Refused:
            return
        self.working.pop(self.link, None)
        self.decisions.append(Decision(self.loop.now, name, field, stood.value))
        self.tell(f"a person decides that {name}.{field} stands, {stood.native!r}")

    def edit(self, name: str, field: str, n: int) -> bool:
        return self._enter(name, field, self.sides[name].value(field, n))

    def _enter(self, name: str, field: str, value: Native) -> bool:
        side = self.sides[name]
        self.loop.now += 1
        before = dict(side.shows())
        if not side.edit(field, value):
            return False
        now = side.shows()
        self.before[name, field] = before[field]
        self._remember(side, before)
        self.edits.append(Edit(self.loop.now, name, field, now[field], side.says(field, now[field])))
        told = now.get("status")
        if side.by_stage and field == "stage" and side.says("status", told) != side.says("status", before["status"]):
            self.edits.append(Edit(self.loop.now, name, "status", told, side.says("status", told)))
        self.tell(f"a person sets {name}.{field} to {now[field]!r}")
        return True

    def _automated(self, side: Side, before: Mapping[str, Native]) -> None:
        changed = [f for f, n in side.shows().items() if n != before[f]]
        self.by_bot += [(self.loop.now, side.name, f) for f in changed]
        self._remember(side, before)
        self.tell(f"an automation of {side.name} sets {', '.join(changed)}")

    def _remember(self, side: Side, before: Mapping[str, Native]) -> None:
        """Note what has just changed here."""
        for field, shown in side.shows().items():
            if shown != before[field]:
                known = self.history.setdefault((side.name, field), [(0, before[field])])
                known.append((self.loop.now, shown))

    def _sneak(self, kind: str, side: Side) -> None:
        for act in [a for a in self.sneaks if a.kind == kind and a.side == side.name]:
            self.sneaks.remove(act)
            self.edit(act.side, act.field, act.n)

    def _called(self, side: Side) -> None:
        """A pass that began in a pause of a connection does not call it."""
        task, (since, until) = self.loop.current, self.store.paused.get(side.name, (0, 0))
        if task is not None and since < task.began and self.loop.now < until:
            raise Broken("R18", f"{side.name} is called in the middle of its pause")

    def _read(self, side: Side) -> None:
        self.heard[side.name].append(self.loop.now)
        self._sneak("after_read", side)

    def _missed(self, side: Side) -> None:
        self.missed[side.name].append(self.loop.now)

    def _written(self, side: Side, written: Written, before: Mapping[str, Native]) -> None:
        self.heard[side.name].append(self.loop.now)
        self._remember(side, before)
        names = ", ".join(sorted(written.fields)) or "nothing new"
        self.tell(f"the bridge has written {names} at {side.name}")
        self.before |= {(side.name, f): before[f] for f in written.fields if f in before}
        self._judge_write(side, written)
        self._sneak("after_write", side)

    def _judge_write(self, side: Side, written: Written) -> None:
        """I6 and I1, as soon as a write breaks them."""
        touched = {e.field for e in self.edits} | {field for _, _, field in self.by_bot}
        strange = written.fields - touched - ({"stage", "status"} if touched & {"stage", "status"} else set())
        if strange:
            raise Broken("I6", f"{side.name}.{', '.join(sorted(strange))} was written, and nobody had edited it")
        writes = sum(len(s.written) for s in self.sides.values())
        roots, bots = len(self.edits) + len(self.decisions), len(self.by_bot)
        if self.scenario.fights:
            if writes > roots * 4 * (len(self.sides) - 1) * ROUNDS_A_DAY:
                raise Broken("I11", f"{writes} writes for {roots} edits, where automations argue")
        elif writes > (roots + bots) * (len(self.sides) - 1):
            raise Broken("I1", f"{writes} writes for {roots + bots} edits on {len(self.sides)} sides")

    def _died(self, process: int) -> None:
        self.tell("the power goes" if self.scenario.power else f"process {process} dies")
        for each in list(self.up) if self.scenario.power else [process]:
            self.loop.kill(each)
            self.up.discard(each)
        self.working.clear()
        if self.scenario.power:
            self.store.lose_power(self.dice)
        for heard in self.heard.values():  # what it had heard and not saved died with it
            heard[:] = [at for at in heard if at <= self.store.db.saved_at]
        self.loop.call_at(self.loop.now + self.dice.choice((5, 2_000, 61_000)), partial(self.boot, process))

    def _carry(self) -> None:
        """Take the webhooks that left, and let them travel as fate has it."""
        for name, side in self.sides.items():
            for inbound in side.hooks():
                fate = self.hook_fates[name].popleft() if self.hook_fates[name] else 1
                if fate == -1:
                    self.tell(f"a webhook of {name} is lost")
                    continue
                later = self.loop.now + self.dice.choice((3, 20, 150))
                self.loop.call_at(later + (fate if fate > 1 else 0), partial(self._arrive, side, inbound))
                if fate == 0:
                    self.loop.call_at(later + 40, partial(self._arrive, side, inbound))

    def _arrive(self, side: Side, inbound: Inbound) -> None:
        side.arrive(self.store, inbound)

    # and then calm

    def calm(self) -> None:
        """End all faults and mend what waits for a person; go on until nothing happens, and sweeps find nothing."""
        self.loop.fuses.clear()
        self.loop.stalls.clear()
        self.sneaks.clear()
        for name, side in self.sides.items():
            side.calm()
            self.hook_fates[name].clear()
        for process in range(self.scenario.menu.processes):
            self.boot(process)
        for name, row in self.store.connections().items():
            if row["paused_until"] >= FOREVER:
                self.store.resume(name, self.loop.now)
        mend_all(self)
        self.store.replay_dead([r["id"] for r in self.store.page_of_dead(99)], self.loop.now)
        scan = max(side.habits.scan for side in self.sides.values())
        for _ in range(ROUNDS_MAX):
            self.run_dry()
            found = self.found
            self.loop.run(self.loop.now + scan + 60_000)
            self.run_dry()
            if self.found == found:
                return
        raise Broken("I1", "the sweeps still find differences")

    def run_dry(self) -> None:
        self._carry()
        try:
            dry = self.loop.run_dry(TURNS_MAX)
        except Endless:
            dry = False
        if not dry:
            raise Broken("I1", "the talk does not stop")
