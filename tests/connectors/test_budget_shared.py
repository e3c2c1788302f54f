"""Budgets of several processes on one store, on virtual time: together they keep to the limits, and waste little."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest

from bridge.connectors.budget import TEND_S, Budget
from bridge.core.errors import Transient
from bridge.core.grants import Ask, Grant, Limits
from bridge.store import Store
from tests.sim.loop import Loop

START = 1_750_000_000_000


class Counted(Store):
    """A store that counts what is asked of it. broken: whether it fails."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.migrate()
        self.asked, self.broken = list[str](), False

    def draw(self, connection: str, process: str, ask: Ask, limits: Limits, now: int) -> Grant:
        self.asked.append(process)
        if self.broken:
            raise Transient("store_failed", "the disk is full")
        return super().draw(connection, process, ask, limits, now)


@dataclass
class Scene:
    """
    Processes that call one vendor. takes: how many ms a call takes. calls: (when it started, when it ended, whose).
    refused: (whose, for how long) of the calls that had to wait too long.
    """

    limits: Limits
    store: Counted
    takes: Callable[[], int] = lambda: 100
    loop: Loop = field(default_factory=lambda: Loop(Random(1), START))
    budgets: dict[str, Budget] = field(default_factory=dict)
    calls: list[tuple[int, int, str]] = field(default_factory=list)
    refused: list[tuple[str, float]] = field(default_factory=list)

    def budget(self, name: str) -> Budget:
        """Return the budget of a process that is well: it tends what it was granted."""
        limits = self.limits
        budget = self.budgets[name] = Budget(
            limits.calls,
            limits.per_ms / 1000,
            limits.concurrency,
            grants=lambda ask: self.store.draw("a", name, ask, limits, self.loop.now),
            clock=lambda: self.loop.now / 1000,
            sleep=lambda s: self.loop.step(max(1, math.ceil(s * 1000))),
        )
        return budget

    def tend(self, name: str) -> None:
        while True:
            self.loop.step(int(TEND_S * 1000))
            self.budgets[name].tend()

    def call(self, name: str) -> None:
        """Call once; when there is no place, rest for as long as is asked."""
        try:
            self.budgets[name].enter()
        except Transient as error:
            self.refused.append((name, error.after_s or 0.0))
            self.loop.step(math.ceil((error.after_s or 1.0) * 1000))
            return
        started = self.loop.now
        self.loop.step(self.takes())
        self.calls.append((started, self.loop.now, name))
        self.budgets[name].leave(True)

    def hammer(self, name: str, *, threads: int = 8, since_ms: int = 0, until_ms: int = 10**9) -> None:
        """Let a process call as often as it can."""

        def work() -> None:
            self.loop.step(since_ms or 1)
            while self.loop.now < START + until_ms:
                self.call(name)

        self.boot(name)
        for _ in range(threads):
            self.loop.start(len(self.budgets), work)

    def boot(self, name: str) -> None:
        self.budget(name)
        self.loop.start(len(self.budgets), lambda: self.tend(name))

    def run(self, s: float) -> None:
        self.loop.steps = -(10**9)
        self.loop.run(START + int(s * 1000))

    def of(self, name: str) -> list[int]:
        return [started for started, _, whose in self.calls if whose == name]

    def judge(self) -> None:
        """The limits hold at every instant."""
        limits, starts = self.limits, sorted(started for started, _, _ in self.calls)
        for first, over in zip(starts, starts[limits.calls :], strict=False):
            assert over - first >= limits.per_ms, f"{limits.calls + 1} calls within {over - first} ms"
        edges = sorted([(at, 1) for at, _, _ in self.calls] + [(at, -1) for _, at, _ in self.calls])
        running = 0
        for _, step in edges:
            running += step
            assert running <= limits.concurrency


@pytest.fixture
def store() -> Iterator[Counted]:
    made = Counted()
    with closing(made.db):
        yield made


# what is wasted, and what it costs


@pytest.mark.parametrize(("processes", "asks_per_s"), [(1, 1.5), (3, 3.0)])
def test_processes_that_want_everything_get_nearly_all_of_it(store: Counted, processes: int, asks_per_s: float) -> None:
    scene = Scene(Limits(calls=100, per_ms=10_000, concurrency=4, call_ms=25_000), store)
    for n in range(processes):
        scene.hammer(f"p{n}")
    scene.run(60)
    scene.judge()
    assert len(scene.calls) >= 0.9 * 600
    assert min(len(scene.of(f"p{n}")) for n in range(processes)) >= 0.6 * 600 / processes
    assert len(store.asked) <= asks_per_s * 60 * processes


@pytest.mark.parametrize("concurrency", [1, 3])
def test_more_processes_than_calls_at_a_time_take_turns(store: Counted, concurrency: int) -> None:
    scene = Scene(Limits(1_000, 1_000, concurrency, 25_000), store)
    for n in range(4):
        scene.hammer(f"p{n}")
    scene.run(60)
    scene.judge()
    assert len(scene.calls) >= 0.8 * 600 * concurrency
    for n in range(4):
        times = [START, *scene.of(f"p{n}"), START + 60_000]
        assert max(b - a for a, b in pairwise(times)) <= 12_000, "everybody's turn comes"


def test_a_call_now_and_then_costs_two_transactions_and_leaves_nothing_behind(store: Counted) -> None:
    scene = Scene(Limits(2, 1_000, 4, 25_000), store)
    scene.boot("p")

    def work() -> None:
        for _ in range(5):
            scene.loop.step(10_000)
            scene.call("p")

    scene.loop.start(9, work)
    scene.run(60)
    assert (len(scene.calls), len(store.asked)) == (5, 10)
    assert [r["shares"] for r in store.db.run("budget", connection="a")] == ["[]"]


# who waits, and for how long


def test_the_second_process_finds_something_though_the_first_is_at_work(store: Counted) -> None:
    scene = Scene(Limits(100, 10_000, 4, 25_000), store)
    scene.hammer("busy", threads=1)
    scene.hammer("new", threads=1, since_ms=2_500)
    scene.run(4)
    assert scene.of("new")[0] == START + 2_500


def test_what_a_process_does_not_need_any_more_goes_to_the_one_that_does(store: Counted) -> None:
    scene = Scene(Limits(100, 10_000, 8, 25_000), store)
    scene.hammer("first", until_ms=5_000)
    scene.hammer("second")
    scene.run(60)
    scene.judge()
    assert len([at for at in scene.of("second") if at >= START + 30_000]) >= 0.95 * 300


def test_a_process_that_waits_for_another_s_calls_is_told_when_they_come_back(store: Counted) -> None:
    scene = Scene(Limits(3, 60_000, 4, 25_000), store)

    def first() -> None:
        for ms in (200, 3_000, 10_000):
            scene.loop.step(ms)
            scene.call("first")

    def second() -> None:
        scene.loop.step(30_000)
        scene.call("second")

    for work in (first, second):
        scene.boot(work.__name__)
        scene.loop.start(9, work)
    scene.run(40)
    assert len(scene.of("first")) == 3
    (whose, after_s), *more = scene.refused
    assert (whose, more) == ("second", [])
    assert after_s == pytest.approx((scene.of("first")[0] - START) / 1000 + 60 - 30, abs=0.1)


def test_what_a_dead_process_held_comes_back_by_itself(store: Counted) -> None:
    limits = Limits(10, 10_000, 2, 5_000)
    scene = Scene(limits, store)

    def dead() -> None:
        for _ in range(2):
            scene.budgets["dead"].enter()

    scene.budget("dead")
    scene.loop.start(9, dead)
    scene.hammer("other", threads=1, since_ms=10)
    scene.run(20)
    assert 1_000 + limits.call_ms <= scene.of("other")[0] - START <= 1_000 + limits.call_ms + 1_500
    assert sum(after_s for _, after_s in scene.refused) <= 7


def test_a_process_that_was_frozen_over_its_grant_asks_before_it_calls(store: Counted) -> None:
    scene = Scene(Limits(100, 10_000, 4, 25_000), store)
    scene.budget("p")
    scene.call("p")
    scene.loop.now += 60_000
    scene.call("p")
    assert store.asked == ["p", "p"]


def test_a_long_call_of_an_idle_process_stays_counted(store: Counted) -> None:
    scene = Scene(Limits(100, 10_000, 1, 3_000), store, takes=lambda: 20_000)
    scene.hammer("slow", threads=1, until_ms=100)
    scene.hammer("other", threads=1, since_ms=50)
    scene.run(45)
    scene.judge()
    assert scene.of("other")[0] >= scene.of("slow")[0] + 20_000


# when the store fails


def test_a_store_that_fails_lets_nothing_start_and_is_asked_again(store: Counted) -> None:
    scene = Scene(Limits(100, 10_000, 4, 25_000), store)
    budget, store.broken = scene.budget("p"), True
    for _ in range(2):
        with pytest.raises(Transient, match="the disk is full"):
            budget.enter()
    store.broken = False
    budget.enter()
    scene.loop.now += 2_000
    store.broken = True
    budget.leave(True)
    with pytest.raises(Transient):
        budget.enter()
    assert (budget.state().running, len(store.asked)) == (0, 4)
