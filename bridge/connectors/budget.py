"""The budget of one connection: how many calls go out, how many at a time, and when none should."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from bridge.core.errors import Transient
from bridge.core.grants import Ask, Grant, bucketed

WINDOW_S = 60.0
CALLS_MIN = 10
FAILED_SHARE = 0.5
OPEN_S, OPEN_S_MAX = 30.0, 900.0
PAUSE_S_MAX = 3600.0
BUSY_STEP_S = 0.05
ASKING_STEP_S = 0.005
COME_AGAIN_S = 1.0  # what a caller is told when the end of the wait is not known
TEND_S = 0.5
NOTHING = Grant(0, 0, 0)


class Grants(Protocol):
    """Where a budget gets its grants from: a store that all processes share."""

    def __call__(self, ask: Ask) -> Grant:
        """Return what this process may do now; raises Transient when the store fails."""


@dataclass(frozen=True)
class BudgetState:
    """
    What a status page shows of a budget, as this process knows it.

    breaker: open refuses every call for `open_for_s`; half_open lets one call through to see. broken_for_s: how long it
    has not been closed. paused_for_s: what the vendor asked for. running: calls on their way. used: calls that started
    within `per_s`. left: calls that may start now if no other process needs them. calls, failed: of the last minute.
    """

    breaker: Literal["closed", "open", "half_open"]
    open_for_s: float
    broken_for_s: float
    paused_for_s: float
    running: int
    used: int
    left: int
    calls: int
    failed: int


@dataclass(frozen=True)
class Obstacle:
    """
    What is in the way of a call. wait_s: until it may be gone. nap_s: until this is worth another look; 0: a grant is
    what lacks.
    """

    why: str
    wait_s: float
    nap_s: float


class Budget:
    """
    The gate of one connection, for all threads of a process. Each `enter` that returns needs one `leave`, from the
    same thread.

    There are `calls` tokens; each comes back `per_s` seconds after it was taken, so no stretch of `per_s` ever sees
    more than `calls`. At most `concurrency` calls run at a time. `grants` says how much of that is this process's
    share; without it, all. clock: monotonic seconds.
    """

    def __init__(
        self,
        calls: int,
        per_s: float,
        concurrency: int,
        *,
        grants: Grants | None = None,
        wait_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calls, self.per_s, self.concurrency, self.wait_s = calls, per_s, concurrency, wait_s
        self._grants, self._clock, self._sleep = grants, clock, sleep
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()
        self._running = self._waiting = 0
        self._asking = False
        self._held = False  # the store counts something as ours
        self._grant, self._granted_at, self._asked_at = NOTHING, -math.inf, -math.inf
        self._paused_until = 0.0
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._failed = 0
        self._open_s = 0.0
        self._open_until = 0.0
        self._broken_at = 0.0
        self._probe: int | None = None

    def enter(self) -> None:
        """
        Wait for a place, `wait_s` at most, and take it.

        Raises Transient `breaker_open`, at once, or `budget` when the wait is longer; both with after_s, for the whole
        connection. Raises what the store raises when a grant cannot be had.
        """
        with self._lock:
            self._waiting += 1
        try:
            obstacle = self._wait(self._clock() + self.wait_s)
        finally:
            with self._lock:
                self._waiting -= 1
        if obstacle is not None:
            with suppress(Transient):
                self.give_back()
            raise Transient("budget", obstacle.why, after_s=max(obstacle.wait_s, COME_AGAIN_S), whole=True)

    def leave(self, ok: bool, pause_s: float | None = None) -> None:
        """Give the place back. ok: the vendor answered. pause_s: nobody should call for so long; an hour at most."""
        with self._lock:
            now = self._clock()
            self._running -= 1
            if pause_s is not None:
                self._paused_until = max(self._paused_until, now + min(pause_s, PAUSE_S_MAX))
            if self._probe == threading.get_ident():
                self._probe = None
                if ok:
                    self._close()
                else:
                    self._open(now)
            elif not self._open_s:
                self._count(now, ok)

    def tend(self) -> None:
        """Give back what is left of a grant that is over; to be called every TEND_S. Raises what the store raises."""
        with self._lock:
            if self._clock() < self._granted_at + self._grant.for_ms / 1000:
                return
        self.give_back()

    def give_back(self) -> None:
        """Let other processes have what this one does not use now, unless a thread waits for it."""
        with self._lock:
            if self._waiting or self._asking or not self._held:
                return
            ask = self._ask()
        self._draw(ask)

    def state(self) -> BudgetState:
        """Return a snapshot; takes no place."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            open_for_s, paused_for_s = max(0.0, self._open_until - now), max(0.0, self._paused_until - now)
            left = min(self.calls - len(self._taken), self.concurrency - self._running)
            return BudgetState(
                breaker="closed" if not self._open_s else "open" if open_for_s else "half_open",
                open_for_s=open_for_s,
                broken_for_s=now - self._broken_at if self._open_s else 0.0,
                paused_for_s=paused_for_s,
                running=self._running,
                used=len(self._taken),
                left=0 if open_for_s or paused_for_s or self._probe is not None else max(0, left),
                calls=len(self._outcomes),
                failed=self._failed,
            )

    def _wait(self, end: float) -> Obstacle | None:
        """Wait for a place and take it, or return what was in the way when it takes longer than to `end`."""
        while True:
            with self._lock:
                now = self._clock()
                self._forget(now)
                self._refuse_if_open(now)
                obstacle = self._obstacle(now)
                if obstacle is None:
                    self._take(now)
                    return None
                ask = None if obstacle.nap_s else self._ask()
            if ask is not None:
                self._draw(ask)
            elif now + obstacle.wait_s > end:
                return obstacle
            else:
                self._sleep(obstacle.nap_s)

    def _refuse_if_open(self, now: float) -> None:
        if now < self._open_until:
            raise Transient(
                "breaker_open", "too many of the last calls failed", after_s=self._open_until - now, whole=True
            )
        if self._probe is not None:
            raise Transient("breaker_open", "one call is out to see", after_s=COME_AGAIN_S, whole=True)

    def _obstacle(self, now: float) -> Obstacle | None:
        if now < self._paused_until:
            return self._own("the vendor asked for a pause", self._paused_until - now)
        if len(self._taken) >= self.calls:
            return self._own(f"{self.calls} calls in {self.per_s:g} s", self._taken[0] + self.per_s - now)
        if self._running >= self.concurrency:
            return self._own(f"{self.concurrency} calls at a time", BUSY_STEP_S)
        return self._lacking(now) if self._grants is not None else None

    def _own(self, why: str, s: float) -> Obstacle:
        return Obstacle(why, s, s)

    def _lacking(self, now: float) -> Obstacle | None:
        """Return what of the grant lacks for one more call."""
        if self._asking:
            return self._own("the budget is being shared out", ASKING_STEP_S)
        grant, over = self._grant, self._granted_at + self._grant.for_ms / 1000
        if now >= over:
            return Obstacle("no grant", 0.0, 0.0)
        if (more := len(self._taken) - grant.calls) >= 0:
            own_s = self._taken[more] + self.per_s - now if grant.calls else math.inf
            why = f"{self.calls} calls in {self.per_s:g} s, shared with other processes"
            return self._shared(why, own_s, grant.calls_again_ms, over, now)
        if self._running >= grant.slots:
            why = f"{self.concurrency} calls at a time, shared with other processes"
            return self._shared(why, BUSY_STEP_S if grant.slots else math.inf, grant.slots_again_ms, over, now)
        return None

    def _shared(self, why: str, own_s: float, again_ms: int | None, over: float, now: float) -> Obstacle:
        """Wait for what is ours, or for what others give back; with a new grant in time, so as to keep our place."""
        again_s = math.inf if again_ms is None else max(0.0, self._granted_at + again_ms / 1000 - now)
        wait_s = min(own_s, again_s)
        return Obstacle(why, wait_s, min(wait_s, over - now))

    def _ask(self) -> Ask:
        """Return what to tell the store. Until it has answered nothing starts, so that it stays true."""
        now = self._clock()
        self._forget(now)
        self._asking, self._asked_at = True, now
        ages = (int((now - at) * 1000) for at in self._taken)
        return Ask(bucketed(ages, math.ceil(self.per_s * 1000)), self._running, self._waiting)

    def _draw(self, ask: Ask) -> None:
        assert self._grants is not None
        grant, self._held = NOTHING, True  # also when it fails: the store may have saved less than we had
        try:
            grant = self._grants(ask)
            self._held = bool(ask.waiting or ask.running)
        finally:
            with self._lock:
                self._grant, self._granted_at, self._asking = grant, self._asked_at, False

    def _take(self, now: float) -> None:
        self._taken.append(now)
        self._running += 1
        if self._open_s:
            self._probe = threading.get_ident()

    def _count(self, now: float, ok: bool) -> None:
        self._outcomes.append((now, ok))
        self._failed += not ok
        self._forget(now)
        if len(self._outcomes) >= CALLS_MIN and self._failed >= FAILED_SHARE * len(self._outcomes):
            self._open(now)

    def _open(self, now: float) -> None:
        if not self._open_s:
            self._broken_at = now
        self._open_s = min(OPEN_S_MAX, 2 * self._open_s) if self._open_s else OPEN_S
        self._open_until = now + self._open_s

    def _close(self) -> None:
        self._open_s = self._open_until = 0.0
        self._outcomes.clear()
        self._failed = 0

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0] + self.per_s <= now:
            self._taken.popleft()
        while self._outcomes and self._outcomes[0][0] + WINDOW_S <= now:
            self._failed -= not self._outcomes.popleft()[1]
