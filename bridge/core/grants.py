"""
How the processes that work on one connection share its budget: what each may start, so that together they keep to it.

A process asks for a grant and may then start calls by itself for GRANT_MS: as long as fewer than `calls` of its calls
started in the last `per_ms`, and fewer than `slots` of them run. Everybody is counted with the most that this allows,
so the sums hold at every instant, whoever is slow, frozen or dead. Times are epoch milliseconds of one clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from bridge.core.model import FOREVER

GRANT_MS = 1_000
GRACE_MS = 1_000  # how long after its grant a process is thought to be alive, and to come for another
POLL_MS = 100  # how often to ask for what another process may give back at any moment
SOON_MS = 50
BUCKETS = 20


@dataclass(frozen=True)
class Limits:
    """`calls` may start in any stretch of `per_ms`, `concurrency` run at a time, each for `call_ms` at most."""

    calls: int
    per_ms: int
    concurrency: int
    call_ms: int


@dataclass(frozen=True)
class Ask:
    """
    What a process tells of itself, and wants.

    started: (ms ago, how many) of the last `per_ms`; see `bucketed`. running: calls on their way. waiting: calls that
    want to start; with none the process gives its grant back.
    """

    started: tuple[tuple[int, int], ...]
    running: int
    waiting: int


@dataclass(frozen=True)
class Grant:
    """
    What a process may do for `for_ms`. calls: started in the last `per_ms`. slots: running at a time.

    calls_again_ms, slots_again_ms: when it may pay to ask for more of them, 0 for now, None for never; nothing of
    another process comes back before.
    """

    calls: int
    slots: int
    for_ms: int
    calls_again_ms: int | None = None
    slots_again_ms: int | None = None


@dataclass(frozen=True)
class Share:
    """
    What the others know of a process: its grant, and what it told at `at`.

    until: when its grant ends; 0: it was given back. spent: (when they come back, how many calls). calls_wanted,
    slots_wanted: what it asked for. since: when it began to wait for its fair share; 0: it has it.
    """

    process: str
    at: int
    until: int
    calls: int
    slots: int
    spent: tuple[tuple[int, int], ...]
    running: int
    calls_wanted: int = 0
    slots_wanted: int = 0
    since: int = 0

    def alive(self, now: int) -> bool:
        return now < self.until + GRACE_MS

    def counted_calls(self, limits: Limits, now: int) -> int:
        """Return how many calls of the last `per_ms` can be this process's, whatever it has done since it asked."""
        granted = self.calls if now < self.until + limits.per_ms else 0
        return max(granted, self._spent(now))

    def counted_slots(self, limits: Limits, now: int) -> int:
        granted = self.slots if now < self.until + limits.call_ms else 0
        return max(granted, self.running if now < self.at + limits.call_ms else 0)

    def calls_change(self, limits: Limits, now: int) -> int:
        """Return the earliest time at which fewer calls may be counted."""
        if self.calls <= (spent := self._spent(now)) and spent:
            return min(at for at, _ in self.spent if at > now)
        if now < self.until:
            return self.until
        return now + POLL_MS if self.alive(now) else self.until + limits.per_ms

    def slots_change(self, limits: Limits, now: int) -> int:
        dead = self.slots and not self.alive(now)
        return self.until + limits.call_ms if dead else now + POLL_MS

    def _spent(self, now: int) -> int:
        return sum(n for at, n in self.spent if at > now)


def bucketed(ages: Iterable[int], per_ms: int) -> tuple[tuple[int, int], ...]:
    """Return started calls as (ms ago, how many), a few pairs: each call as young as the youngest it is put with."""
    width = max(1, per_ms // BUCKETS)
    groups = [list(each) for _, each in groupby(sorted(ages), lambda age: age // width)]
    return tuple((each[0], len(each)) for each in groups)


def whole(limits: Limits) -> Grant:
    """Return the grant of a process that shares with nobody."""
    return Grant(limits.calls, limits.concurrency, FOREVER)


def draw(shares: Sequence[Share], process: str, ask: Ask, limits: Limits, now: int) -> tuple[list[Share], Grant]:
    """
    Return the shares of a connection after a process has asked, and what it gets.

    It gets what it wants of what is free, and half of the rest unless another is short: the next process should find
    something. What an earlier asker waits for, up to its fair share, is left to it; so a process that asks anew, as
    each must when its grant ends, makes room for those who wait.
    """
    known = [s for s in shares if s.alive(now) or s.counted_calls(limits, now) or s.counted_slots(limits, now)]
    others = [s for s in known if s.process != process]
    spent = tuple((now - ago + limits.per_ms, n) for ago, n in ask.started)
    if not ask.waiting:
        mine = [Share(process, now, 0, 0, 0, spent, ask.running)] if spent or ask.running else []
        return others + mine, Grant(0, 0, 0)
    busy = sum(n for _, n in ask.started)
    since = next((s.since for s in known if s.process == process and s.since and s.alive(now)), now)
    live = [s for s in others if s.alive(now)]
    ahead = [s for s in live if s.since and (s.since, s.process) < (since, process)]
    calls = _Part(
        total=limits.calls,
        fair=max(1, limits.calls // (len(live) + 1)),
        busy=busy,
        wanted=busy + max(ask.waiting, limits.calls // BUCKETS),
        taken=sum(s.counted_calls(limits, now) for s in others),
        ahead=[(s.calls_wanted, s.counted_calls(limits, now)) for s in ahead],
        scarce=any(s.calls_wanted > s.calls for s in live),
    )
    slots = _Part(
        total=limits.concurrency,
        fair=max(1, limits.concurrency // (len(live) + 1)),
        busy=ask.running,
        wanted=ask.running + ask.waiting,
        taken=sum(s.counted_slots(limits, now) for s in others),
        ahead=[(s.slots_wanted, s.counted_slots(limits, now)) for s in ahead],
        scarce=any(s.slots_wanted > s.slots for s in live),
    )
    short = calls.short or slots.short
    pace = POLL_MS if short else GRANT_MS
    calls_at = [s.calls_change(limits, now) for s in others if s.counted_calls(limits, now)]
    slots_at = [max(s.slots_change(limits, now), now + pace) for s in others if s.counted_slots(limits, now)]
    share = Share(
        process=process,
        at=now,
        until=now + GRANT_MS,
        calls=calls.given,
        slots=slots.given,
        spent=spent,
        running=ask.running,
        calls_wanted=calls.wanted,
        slots_wanted=slots.wanted,
        since=since if short else 0,
    )
    again = calls.again(calls_at, now), slots.again(slots_at, now)
    return [*others, share], Grant(calls.given, slots.given, GRANT_MS, *again)


@dataclass(frozen=True)
class _Part:
    """
    One side of a grant, calls or slots alike.

    busy: what the process has in use, wanted: with what it asks for. taken: by others. ahead: those who wait for longer
    (what they want, what they have). scarce: another wants more than it has.
    """

    total: int
    fair: int
    busy: int
    wanted: int
    taken: int
    ahead: Sequence[tuple[int, int]]
    scarce: bool

    @property
    def due(self) -> int:
        return sum(max(0, min(wanted, self.fair) - has) for wanted, has in self.ahead)

    @property
    def room(self) -> int:
        return max(0, self.total - self.taken - self.due)

    @property
    def given(self) -> int:
        spare = 0 if self.scarce else (self.room - self.busy + 1) // 2
        return min(self.room, max(self.wanted, self.busy + spare))

    @property
    def short(self) -> bool:
        return self.given < min(self.wanted, self.fair)

    def again(self, changes: Sequence[int], now: int) -> int | None:
        """Return in how many ms to ask again, if something may have come back by then."""
        if self.given < self.room:
            return 0
        at = [*changes, now + POLL_MS] if self.due else changes
        return max(SOON_MS, min(at) - now) if at else None
