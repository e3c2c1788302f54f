"""The budget of one connection: how many calls go out, how many at a time, and when none should."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bridge.core.errors import Transient

WINDOW_S = 60.0
CALLS_MIN = 10
FAILED_SHARE = 0.5
OPEN_S, OPEN_S_MAX = 30.0, 900.0
PAUSE_S_MAX = 3600.0
BUSY_STEP_S = 0.05
COME_AGAIN_S = 1.0  # what a caller is told when the end of the wait is not known


@dataclass(frozen=True)
class BudgetState:
    """
    What a status page shows of a budget.

    breaker: open refuses every call for `open_for_s`; half_open lets one call through to see. paused_for_s: what the
    vendor asked for. running: calls on their way. left: calls that may start now. calls, failed: of the last minute.
    """

    breaker: Literal["closed", "open", "half_open"]
    open_for_s: float
    paused_for_s: float
    running: int
    left: int
    calls: int
    failed: int


class Budget:
    """
    The gate of one connection, for all threads of a process. Each `enter` that returns needs one `leave`, from the
    same thread.

    There are `calls` tokens; each comes back `per_s` seconds after it was taken, so no stretch of `per_s` ever sees
    more than `calls`. At most `concurrency` calls run at a time. clock: monotonic seconds.
    """

    def __init__(
        self,
        calls: int,
        per_s: float,
        concurrency: int,
        *,
        wait_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calls, self.per_s, self.concurrency, self.wait_s = calls, per_s, concurrency, wait_s
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()
        self._running = 0
        self._paused_until = 0.0
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._open_s = 0.0
        self._open_until = 0.0
        self._probe: int | None = None

    def enter(self) -> None:
        """
        Wait for a place, `wait_s` at most, and take it.

        Raises Transient `breaker_open`, at once, or `budget` when the wait is longer; both with after_s, for the whole
        connection.
        """
        end = self._clock() + self.wait_s
        while True:
            with self._lock:
                now = self._clock()
                self._forget(now)
                self._refuse_if_open(now)
                step_s, why = self._obstacle(now)
                if not why:
                    self._take(now)
                    return
            if now + step_s > end:
                raise Transient("budget", why, after_s=max(step_s, COME_AGAIN_S), whole=True)
            self._sleep(step_s)

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
                paused_for_s=paused_for_s,
                running=self._running,
                left=0 if open_for_s or paused_for_s or self._probe is not None else max(0, left),
                calls=len(self._outcomes),
                failed=self._failed(),
            )

    def _refuse_if_open(self, now: float) -> None:
        if now < self._open_until:
            raise Transient(
                "breaker_open", "too many of the last calls failed", after_s=self._open_until - now, whole=True
            )
        if self._probe is not None:
            raise Transient("breaker_open", "one call is out to see", after_s=COME_AGAIN_S, whole=True)

    def _obstacle(self, now: float) -> tuple[float, str]:
        """Return what is in the way, "" when nothing is, and the seconds until it may be worth asking again."""
        if now < self._paused_until:
            return self._paused_until - now, "the vendor asked for a pause"
        if len(self._taken) >= self.calls:
            return self._taken[0] + self.per_s - now, f"{self.calls} calls in {self.per_s:g} s"
        if self._running >= self.concurrency:
            return BUSY_STEP_S, f"{self.concurrency} calls at a time"
        return 0.0, ""

    def _take(self, now: float) -> None:
        self._taken.append(now)
        self._running += 1
        if self._open_s:
            self._probe = threading.get_ident()

    def _count(self, now: float, ok: bool) -> None:
        self._outcomes.append((now, ok))
        self._forget(now)
        if len(self._outcomes) >= CALLS_MIN and self._failed() >= FAILED_SHARE * len(self._outcomes):
            self._open(now)

    def _open(self, now: float) -> None:
        self._open_s = min(OPEN_S_MAX, 2 * self._open_s) if self._open_s else OPEN_S
        self._open_until = now + self._open_s

    def _close(self) -> None:
        self._open_s = self._open_until = 0.0
        self._outcomes.clear()

    def _failed(self) -> int:
        return sum(not ok for _, ok in self._outcomes)

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0] + self.per_s <= now:
            self._taken.popleft()
        while self._outcomes and self._outcomes[0][0] + WINDOW_S <= now:
            self._outcomes.popleft()
