"""The scenes: what is done to a system, and what is measured of it."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from tests.bench.bridges import Bridge
from tests.bench.figures import Sample, sample_of
from tests.bench.posters import Posters
from tests.bench.sink import Sink
from tests.bench.systems import Bare, Insert, KeenQueue, Loops, Queue, System

SLOTS = 64  # edits on their way at a time, at saturation
EDITS = 10  # on each deal of a burst
LATE_S = 30.0
SLOW_S = 0.1
LOW_PER_S = 20.0
WARM_S = 0.3


@dataclass
class Ground:
    """
    Where scenes are played. length: 1 is the usual length of a sample; less for a quick look. edits: made so far, by
    system; their names are made of it.
    """

    sink: Sink
    length: float
    edits: dict[str, int] = field(default_factory=dict)
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def name(self, system: System) -> str:
        """Return a name that no deal has had."""
        count = self.edits[system.name] = self.edits.get(system.name, 0) + 1
        return f"{system.letter} edit {count}"

    def count(self, whole: int) -> int:
        return max(10, round(whole * self.length))


Act = Callable[[Ground, System], Awaitable[Sample]]


@dataclass(frozen=True)
class Scene:
    """kinds: the systems that play it. awake: the processes that do; all of them unless named."""

    key: str
    text: str
    kinds: tuple[type[System], ...]
    act: Act
    awake: tuple[str, ...] = ()


def scenes() -> list[Scene]:
    """Return all scenes in the order of the table."""
    web = ("web",)
    acks = [
        Scene(f"ack{n}", f"acknowledge, {n} at a time", (Bare, Insert, Bridge), partial(acknowledge, at_once=n), web)
        for n in (1, 16, 64)
    ]
    return [
        *acks,
        Scene("low", "1 target, 20 edits a second", (Queue, KeenQueue, Bridge), partial(paced, targets=1)),
        Scene("low4", "4 targets, 5 edits a second", (Bridge,), partial(paced, targets=4)),
        Scene("full", f"1 target, {SLOTS} edits on their way", (Queue, Bridge), partial(saturated, targets=1)),
        Scene("full4", f"4 targets, {SLOTS} edits on their way", (Bridge,), partial(saturated, targets=4)),
        Scene("burst", f"{EDITS} edits on each of 100 deals", (Queue, Bridge), burst),
        Scene("calls", "delivery side alone, 1 target", (Loops, Bridge), partial(backlog, targets=1, deals=600)),
        Scene("calls4", "delivery side alone, 4 targets", (Loops, Bridge), partial(backlog, targets=4, deals=150)),
        Scene("slow", "a target of 100 ms a call", (Loops, Bridge), partial(slow, deals=160)),
    ]


async def acknowledge(ground: Ground, system: System, *, at_once: int) -> Sample:
    """Post as fast as the answers come; nobody handles what was acknowledged."""
    hooks = itertools.cycle([system.request(f"{system.letter}x{n}", "ack") for n in range(500)])
    posters = Posters(system.url, at_once)
    await posters.hammer(hooks, WARM_S * ground.length)
    posters.refused = 0
    waits, took_s = await posters.hammer(hooks, 1.5 * ground.length)
    return sample_of(waits, took_s, failed=posters.refused)


@dataclass
class Editor:
    """Makes edits at the source and waits for them at the targets. late: how many did not arrive in time."""

    ground: Ground
    system: System
    posters: Posters
    targets: tuple[str, ...]
    late: int = 0

    async def edit(self, deal: str) -> tuple[float, float]:
        """Return when (monotonic seconds) an edit arrived, and how long after its webhook was sent; NaN: never."""
        sent = time.monotonic()
        arrived = await self.arrival(deal, await self.post(deal, expect=True))
        return arrived, arrived - sent

    async def post(self, deal: str, *, expect: bool) -> asyncio.Future[float]:
        """Edit a deal, send the webhook, and return what will be its arrival at all targets."""
        name = self.ground.name(self.system)
        arrival: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        def arrived(at: float) -> None:
            if not arrival.done():
                arrival.set_result(at)

        self.ground.sink.deals.edit("c0", deal, name)
        if expect:
            self.ground.sink.deals.wait(deal, name, self.targets, arrived)
        await self.posters.post(self.system.request(deal, name))
        return arrival

    async def arrival(self, deal: str, awaited: asyncio.Future[float]) -> float:
        try:
            return await asyncio.wait_for(awaited, LATE_S)
        except TimeoutError:
            self.late += 1
            self.ground.sink.deals.give_up(deal, self.targets)
            return float("nan")

    @property
    def failed(self) -> int:
        return self.late + self.posters.refused


def editor(ground: Ground, system: System, targets: int) -> Editor:
    return Editor(ground, system, Posters(system.url, SLOTS), tuple(f"c{i}" for i in range(1, targets + 1)))


def deals_of(system: System, targets: int) -> Sequence[str]:
    return system.ones if targets == 1 else system.fours


async def paced(ground: Ground, system: System, *, targets: int) -> Sample:
    """Make edits at an even pace that the system can easily keep, at no beat that its polling could fall in with."""
    by, pace = editor(ground, system, targets), LOW_PER_S if targets == 1 else LOW_PER_S / 4
    deals = itertools.cycle(deals_of(system, targets))
    await by.edit(next(deals))  # its connections are warm now
    running, start = [], time.monotonic()
    for n in range(round(3 * ground.length * pace)):
        at = start + (n + ground.dice.random()) / pace
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        running.append(asyncio.create_task(by.edit(next(deals))))
    found = await asyncio.gather(*running)
    took_s = time.monotonic() - start
    await by.posters.close()
    return sample_of([wait for at, wait in found if wait == wait], took_s, failed=by.failed)


async def saturated(ground: Ground, system: System, *, targets: int) -> Sample:
    """Keep SLOTS edits on their way, each of another deal; count those that arrive after the first have."""
    by, deals = editor(ground, system, targets), deals_of(system, targets)
    found, start = list[tuple[float, float]](), time.monotonic()
    begin, end = start + ground.length, start + 5 * ground.length
    calls = [0, 0]

    async def slot(mine: Sequence[str]) -> None:
        for deal in itertools.cycle(mine):
            if time.monotonic() >= end:
                return
            found.append(await by.edit(deal))

    async def clock() -> None:
        for i, at in enumerate((begin, end)):
            await asyncio.sleep(at - time.monotonic())
            calls[i] = ground.sink.calls

    await asyncio.gather(clock(), *(slot(deals[i::SLOTS]) for i in range(min(SLOTS, len(deals)))))
    await by.posters.close()
    waits = [wait for at, wait in found if begin <= at < end]
    return sample_of(waits, end - begin, calls=calls[1] - calls[0], failed=by.failed)


async def burst(ground: Ground, system: System) -> Sample:
    """Edit each of many deals again and again; the end is when every target shows the last of it."""
    by, deals = editor(ground, system, 1), deals_of(system, 1)[: ground.count(100)]
    calls, start = ground.sink.calls, time.monotonic()
    arrivals: list[asyncio.Future[float]] = []
    for n in range(EDITS):
        posts = (by.post(deal, expect=n == EDITS - 1) for deal in deals)
        arrivals = await asyncio.gather(*posts)
    edits = len(deals) * EDITS
    ends = await asyncio.gather(*(by.arrival(*each) for each in zip(deals, arrivals, strict=True)))
    while isinstance(system, Queue) and ground.sink.calls < calls + edits and time.monotonic() < start + LATE_S:
        await asyncio.sleep(0.01)  # its last write may not be the last edit's
    took_s = max(*ends, ground.sink.last if isinstance(system, Queue) else 0.0) - start
    await by.posters.close()
    return Sample(per_s=edits / took_s, calls_per_s=(ground.sink.calls - calls) / took_s, failed=by.failed)


async def backlog(ground: Ground, system: System, *, targets: int, deals: int) -> Sample:
    """Count the calls of a worker that finds many webhooks waiting, while nobody uses the web side."""
    if isinstance(system, Loops):
        return await _looping(ground, system, targets)
    by, edited = editor(ground, system, targets), deals_of(system, targets)[: ground.count(deals)]
    system.sleep("worker")
    arrivals = await asyncio.gather(*(by.post(deal, expect=True) for deal in edited))
    calls, start = ground.sink.calls, time.monotonic()
    system.wake("worker")
    ends = await asyncio.gather(*(by.arrival(*each) for each in zip(edited, arrivals, strict=True)))
    took_s = max(ends) - start
    await by.posters.close()
    return Sample(per_s=len(edited) / took_s, calls_per_s=(ground.sink.calls - calls) / took_s, failed=by.failed)


async def _looping(ground: Ground, system: Loops, targets: int) -> Sample:
    calls, start = ground.sink.calls, time.monotonic()
    system.begin(targets)
    try:
        while ground.sink.calls == calls and time.monotonic() < start + LATE_S:
            await asyncio.sleep(0.01)
        await asyncio.sleep(WARM_S)
        calls, start = ground.sink.calls, time.monotonic()
        await asyncio.sleep(3 * ground.length)
        took_s, made = time.monotonic() - start, ground.sink.calls - calls
    finally:
        await asyncio.to_thread(system.stop)
    return Sample(per_s=made / (1 + 2 * targets) / took_s, calls_per_s=made / took_s)


async def slow(ground: Ground, system: System, *, deals: int) -> Sample:
    """The same, when every call of the target takes 100 ms, as those of real vendors do."""
    ground.sink.delay_s = {"c1": SLOW_S}
    try:
        return await backlog(ground, system, targets=1, deals=deals)
    finally:
        ground.sink.delay_s = {}
