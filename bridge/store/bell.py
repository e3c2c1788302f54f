"""How threads that have nothing to do wait for work, and how one of them is woken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

CHECK_S = 1.0


class Ear(Protocol):
    """What hears other processes tell of work."""

    def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring` whenever there is work; return when closed, or when nothing can be heard any more."""

    def close(self) -> None:
        """End `listen`, in whichever thread it runs; repeating is safe."""


class Bell:
    """
    Wakes one of the threads that wait: the one that has waited shortest, so that few warm ones do the work.

    open_ear: returns None where other processes cannot be heard; then work is found by looking for it. One thread
    of the process listens, from the first wait on.
    """

    def __init__(self, open_ear: Callable[[], Ear | None]) -> None:
        self._open_ear = open_ear
        self._listening = threading.Lock()
        self._ear: Ear | None = None
        self._lock = threading.Lock()
        self._idle: list[Any] = []  # locks, each held by the thread that waits for it
        self._rung = False
        self._until = 0.0

    def ring(self) -> None:
        """Wake one thread; when none waits, the next that would does not."""
        with self._lock:
            self._rung = not self._idle
            for waiting in self._idle[-2:]:  # the second of them keeps the time from now on
                if waiting.locked():
                    waiting.release()
            del self._idle[-1:]

    def wait(self, s: float, stop: threading.Event) -> None:
        """
        Return when rung, when `stop` is set, or when it is time to look for work.

        It is time `s` seconds after the last thread came to wait: it has looked last, and knows what comes due. One
        thread looks then, and not all that wait.
        """
        self._listen()
        mine = threading.Lock()
        mine.acquire()
        with self._lock:
            if self._rung:
                self._rung = False
                return
            self._until = time.monotonic() + s
            self._idle.append(mine)
        while (left_s := self._left_s(mine, stop)) > 0:
            mine.acquire(timeout=left_s)

    def close(self) -> None:
        """Stop listening; the next wait begins anew."""
        ear, self._ear = self._ear, None
        if ear is not None:
            ear.close()

    def _left_s(self, mine: Any, stop: threading.Event) -> float:
        """Return how long to sleep before looking again whether to go on; 0: go on."""
        with self._lock:
            if mine not in self._idle:
                return 0.0
            left_s = CHECK_S
            if mine is self._idle[-1]:
                left_s = min(left_s, self._until - time.monotonic())
            if left_s > 0 and not stop.is_set():
                return left_s
            self._idle.remove(mine)
            return 0.0

    def _listen(self) -> None:
        if not self._listening.acquire(blocking=False):
            return
        ear = self._ear = self._open_ear()
        if ear is None:
            self._listening.release()
        else:
            threading.Thread(target=self._hear, args=(ear,), name="listens", daemon=True).start()

    def _hear(self, ear: Ear) -> None:
        try:
            ear.listen(self.ring)
        finally:
            ear.close()
            self._listening.release()
