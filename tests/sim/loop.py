"""
Virtual time. Whatever would run in a thread runs here as a task, one at a time, and gives way at each I/O step.

Nothing sleeps and nothing waits: the clock jumps to whatever is due next. Which of several ready tasks goes on is the
dice's choice, so that one seed always gives one order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random

from greenlet import greenlet

from bridge.core.model import FOREVER

IDLE_MS_MAX = 1_000
STEPS_MAX = 5_000


class Crash(BaseException):
    """The process died between two I/O steps."""


class Endless(BaseException):
    """More steps than any honest history takes."""


class Task:
    """
    One thread of one process. ready: when it may go on (ms). resting: it waits for its time. idle: it only polls, so
    it need not run before something has changed; `seen` counts the changes up to when it last began to look around.
    began: when its pass over a link began (ms).
    """

    def __init__(self, process: int, run: Callable[[], None]) -> None:
        self.process = process
        self.ready, self.resting, self.idle, self.seen, self.began = 0, False, False, -1, 0
        self.let = greenlet(self._run)
        self._to_do = run

    def _run(self) -> None:
        with suppress(Crash):
            self._to_do()


class Loop:
    """
    now: ms. changes: how often anything changed that a polling task could find; whoever changes something counts it
    up. ask_due: tells when work that waits for its time is due, or None. after: run after each turn. died: told of a
    process that has died. fuses: after how many steps a process dies. stalls: after how many steps it
    freezes, and for how long (ms).
    """

    def __init__(self, dice: Random, start: int) -> None:
        self.dice, self.now, self.changes, self.steps = dice, start, 0, 0
        self.ask_due: Callable[[], int | None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self.tasks: list[Task] = []
        self.died: Callable[[int], None] = lambda process: None
        self.fuses: dict[int, int] = {}
        self.stalls: dict[int, tuple[int, int]] = {}
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = 0
        self._current: Task | None = None
        self._known_due: tuple[int, int | None] = (-1, None)

    # for the code inside tasks

    def step(self, ms: int = 0, *, stall: bool = False) -> None:
        """
        Come here before each I/O step, and whenever time passes; the process may die here. Outside of tasks: no effect.

        ms: how long this takes. stall: whether the machine may freeze here.
        """
        task = self._current
        if task is None:
            return
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Endless
        if task.process in self.fuses:
            self.fuses[task.process] -= 1
            if self.fuses[task.process] < 0:
                self.die()
        if stall and task.process in self.stalls:
            ms += self._stalled(task.process)
        if ms == 0 and self.dice.random() < 0.7:
            return
        task.ready, task.idle, task.resting = self.now + ms, False, False
        self._pause(task)

    def _stalled(self, process: int) -> int:
        left, ms = self.stalls[process]
        if left > 0:
            self.stalls[process] = (left - 1, ms)
            return 0
        del self.stalls[process]
        return ms

    def die(self) -> None:
        """Let the process of the running task die here; outside of tasks nothing happens."""
        if self._current is not None:
            process = self._current.process
            self.fuses.pop(process, None)
            self.call_at(self.now, partial(self.died, process))
            raise Crash

    def rest(self, s: float) -> None:
        """Wait as a poller does: so long, and longer while nothing changes and nothing comes due."""
        task, ms = self._current, int(s * 1000)
        if task is None:
            return
        if ms:
            task.ready, task.idle, task.resting = self.now + ms, ms <= IDLE_MS_MAX, True
            self._pause(task)
        task.seen = self.changes  # what changes from here on, its next look around may have missed

    def _pause(self, task: Task) -> None:
        task.let.parent.switch()

    @property
    def current(self) -> Task | None:
        return self._current

    # for the world

    def start(self, process: int, run: Callable[[], None]) -> None:
        task = Task(process, run)
        task.ready = self.now
        self.tasks.append(task)

    def kill(self, process: int) -> None:
        """End every task of a process where it is."""
        mine = [t for t in self.tasks if t.process == process]
        self.tasks = [t for t in self.tasks if t.process != process]
        self.fuses.pop(process, None)
        self.stalls.pop(process, None)
        for task in mine:
            if task is not self._current and task.let:
                task.let.throw(Crash)

    def close(self) -> None:
        """End every task: one that only waits would never be freed, with all that it knows."""
        for process in {t.process for t in self.tasks}:
            self.kill(process)
        self._timers.clear()

    def call_at(self, at: int, run: Callable[[], None]) -> None:
        """Run something at a time, or now if that is past; it counts as a change."""
        self._numbers += 1
        heapq.heappush(self._timers, (max(at, self.now), self._numbers, run))

    def run(self, until: int) -> None:
        """Go on until a time."""
        while self._turn(until):
            pass
        self.now = max(self.now, until)

    def run_dry(self, turns_max: int) -> bool:
        """Go on until everything rests and nothing is under way or due; return False when it never does."""
        for _ in range(turns_max):
            if self._dry():
                return True
            self._turn(FOREVER)
        return False

    def _dry(self) -> bool:
        quiet = all(t.resting and (not t.idle or t.seen == self.changes) for t in self.tasks)
        return quiet and not self._timers and self._due() is None

    def _turn(self, until: int) -> bool:
        """Let whatever comes next happen, if it comes before a time."""
        at, what = self._next()
        if at is None or at > until:
            return False
        self.now = max(self.now, at)
        if what is not None:
            self._resume(what)
        else:
            heapq.heappop(self._timers)[2]()
            self.changes += 1
        self.after()
        return True

    def _resume(self, task: Task) -> None:
        self._current = task
        try:
            task.let.switch()
        finally:
            self._current = None
        if task.let.dead:
            self.tasks = [t for t in self.tasks if t is not task]

    def _next(self) -> tuple[int | None, Task | None]:
        """Return when something happens next and whose turn it is: a task's, or None for the first timer."""
        timer = self._timers[0][0] if self._timers else None
        waking = [(self._wakes(t), t) for t in self.tasks]
        awake = [(at, t) for at, t in waking if at is not None]
        first = min((at for at, _ in awake), default=None)
        if timer is not None and (first is None or timer <= first):
            return timer, None
        if first is None:
            return None, None
        ready = [t for at, t in awake if at <= max(first, self.now)]
        return first, ready[0] if len(ready) == 1 else self.dice.choice(ready)

    def _wakes(self, task: Task) -> int | None:
        if not task.idle or task.seen != self.changes:
            return max(task.ready, self.now) if task.idle else task.ready
        due = self._due()
        return None if due is None else max(task.ready, due)

    def _due(self) -> int | None:
        """Ask when the next work is due; the answer stands until something changes."""
        if self._known_due[0] != self.changes:
            self._known_due = (self.changes, self.ask_due())
        return self._known_due[1]
