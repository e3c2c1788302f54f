"""The one clock of all processes that share a store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from bridge.core.errors import Transient

MEASURE_S = 600.0
RETRY_S = 10.0


def epoch_ms() -> int:
    return int(time.time() * 1000)


class Clock:
    """
    Epoch milliseconds by the clock of the database; never runs backwards within a process.

    ahead_ms: measures by how much that clock is ahead of this machine's. It is asked at the first use and then every
    MEASURE_S; while the store fails the last answer stands, at first 0.
    """

    def __init__(
        self,
        ahead_ms: Callable[[], int],
        machine_ms: Callable[[], int] = epoch_ms,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._measured, self._machine_ms, self._monotonic_s = ahead_ms, machine_ms, monotonic_s
        self._lock = threading.Lock()
        self._ahead_ms, self._last = 0, 0
        self._measure_at = monotonic_s()

    def __call__(self) -> int:
        with self._lock:
            if self._monotonic_s() >= self._measure_at:
                self._measure_at = self._monotonic_s() + RETRY_S
                with suppress(Transient):
                    self._ahead_ms = self._measured()
                    self._measure_at = self._monotonic_s() + MEASURE_S
            self._last = max(self._last, self._machine_ms() + self._ahead_ms)
            return self._last
