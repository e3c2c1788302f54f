"""Carries the simulators' webhooks to the bridge, as unreliably as the faults in force wish."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from bridge.sandbox.base import Hook
from bridge.sandbox.faults import Dice

RETRY_AFTER_MOST_S = 60.0


# Whether a vendor tries a webhook again, given the status of the answer (None: there was none) and the tries so far.
Verdict = Callable[[Hook, int | None, int], bool]


def _taken(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


@dataclass(frozen=True)
class Pace:
    """How fast vendors retry, on the sandbox's shortened time scale."""

    first_s: float = 0.5
    most_s: float = 5.0
    answer_s: float = 5.0

    def wait_s(self, tried: int, retry_after: str | None = None, now: datetime | None = None) -> float:
        """
        Return how long to wait before the next try.

        tried: tries already made. retry_after: the header of a 429: seconds, or a date that is compared with `now`.
        """
        if retry_after is not None and (asked := _seconds(retry_after, now or datetime.now(UTC))) is not None:
            return min(asked, RETRY_AFTER_MOST_S)
        return min(self.first_s * 2.0 ** (tried - 1), self.most_s)


def _seconds(retry_after: str, now: datetime) -> float | None:
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (TypeError, ValueError):
        return None


@dataclass(order=True)
class _Parcel:
    due: float
    number: int
    hook: Hook = field(compare=False)
    tried: int = field(default=0, compare=False)


class Lane:
    """One vendor's queue of webhooks: a thread that sends each when it is due, one at a time."""

    def __init__(self, vendor: str, dice: Dice, verdict: Verdict, pace: Pace) -> None:
        self.vendor, self.dice, self.verdict, self.pace = vendor, dice, verdict, pace
        self._target: str | None = None
        self.counts: Counter[str] = Counter()
        self._heap: list[_Parcel] = []
        self._last_due = 0.0
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._under_way = 0
        self._running = False
        self._thread: threading.Thread | None = None

    @property
    def target(self) -> str | None:
        """Where webhooks go whose vendor knows no address of their own."""
        return self._target

    def aim(self, target: str | None) -> None:
        """Set where webhooks go from now on; with None, those still queued are let go."""
        with self._changed:
            self._target = target
            if target is None:
                kept = [parcel for parcel in self._heap if parcel.hook.url]
                self.counts["untargeted"] += len(self._heap) - len(kept)
                self._heap = kept
                heapq.heapify(self._heap)

    def take(self, hook: Hook) -> None:
        """Queue a webhook, or count why not. Returns at once."""
        faults = self.dice.faults
        with self._changed:
            self.counts["taken"] += 1
            if not (hook.url or self._target):
                self.counts["untargeted"] += 1
                return
            departures = faults.departures(self.dice.roll)
            self.counts["dropped"] += not departures
            self.counts["duplicated"] += len(departures) > 1
            for delay_s in departures:
                due = time.monotonic() + delay_s
                if not faults.reorder:
                    due = self._last_due = max(due, self._last_due)
                heapq.heappush(self._heap, _Parcel(due, next(self._numbers), hook))
            self._changed.notify()

    def tally(self) -> dict[str, int]:
        """Return the counts so far, with `waiting` for what is queued or on its way."""
        with self._changed:
            return {**self.counts, "waiting": len(self._heap) + self._under_way}

    def start(self) -> None:
        self._running = True
        self._thread = threading.Thread(target=self._run, name=f"courier-{self.vendor}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._running = False
            self._changed.notify()
        if self._thread:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while order := self._next():
                parcel, target = order
                parcel.tried += 1
                self._settle(parcel, self._send(session, target, parcel.hook))

    def _next(self) -> tuple[_Parcel, str] | None:
        """Wait for the next parcel that is due, and say where it goes; None when stopped."""
        with self._changed:
            while self._running:
                if not self._heap:
                    self._changed.wait()
                elif (wait_s := self._heap[0].due - time.monotonic()) > 0:
                    self._changed.wait(wait_s)
                else:
                    self._under_way = 1
                    parcel = heapq.heappop(self._heap)
                    return parcel, parcel.hook.url or self._target or ""
        return None

    def _send(self, session: requests.Session, target: str, hook: Hook) -> requests.Response | None:
        """Return the receiver's answer, or None when there was none."""
        try:
            return session.request(
                hook.method, target, params=hook.query, headers=hook.headers, data=hook.body,
                timeout=self.pace.answer_s, allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException:
            return None

    def _settle(self, parcel: _Parcel, answer: requests.Response | None) -> None:
        status = answer.status_code if answer is not None else None
        asked = answer.headers.get("Retry-After") if answer is not None and status == 429 else None
        again = self.verdict(parcel.hook, status, parcel.tried)  # may lock the simulator, which may wait for our lock
        with self._changed:
            self._under_way = 0
            self.counts["sent"] += 1
            if again and (parcel.hook.url or self._target):
                self.counts["retried"] += 1
                parcel.due = time.monotonic() + self.pace.wait_s(parcel.tried, asked)
                heapq.heappush(self._heap, parcel)
            else:
                self.counts["acknowledged" if _taken(status) else "given_up"] += 1


class Courier:
    """The webhook delivery of all vendors: none waits for another, and no simulator waits for a delivery."""

    def __init__(self, dice: Dice, verdicts: Mapping[str, Verdict], pace: Pace | None = None) -> None:
        self.lanes = {vendor: Lane(vendor, dice, verdict, pace or Pace()) for vendor, verdict in verdicts.items()}

    def sender(self, vendor: str) -> Callable[[Hook], None]:
        """Return the function by which the simulator of `vendor` hands over its webhooks."""
        return self.lanes[vendor].take

    def aim(self, targets: Mapping[str, str | None]) -> None:
        """
        Set where the webhooks of some vendors go; None: nowhere, they are dropped and counted as untargeted.

        Raises KeyError for an unknown vendor and ValueError for anything but an http address; then nothing is set.
        """
        for vendor, target in targets.items():
            self.lanes[vendor]
            if target is not None and not str(target).startswith(("http://", "https://")):
                raise ValueError(f"the target of {vendor} must be an http address")
        for vendor, target in targets.items():
            self.lanes[vendor].aim(target)

    def start(self) -> None:
        for lane in self.lanes.values():
            lane.start()

    def stop(self) -> None:
        """End the threads; a delivery under way is finished, what is queued stays queued."""
        for lane in self.lanes.values():
            lane.stop()
