"""The worker: threads that take in deliveries and work on links, one sweeper a connection, and an orderly end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial

from bridge.ask import QUESTIONS, ask
from bridge.connectors.budget import TEND_S, Budget
from bridge.core.errors import BridgeError, Disconnected, Misconfigured, Transient
from bridge.flow import LEASE_MS, Flow
from bridge.log import Fields, log_event, trace_of
from bridge.store import STORE_FAILED, Fenced
from bridge.store.rows import Row
from bridge.store.store import Intake
from bridge.store.tally import Tally
from bridge.sweep import Swept, sweep

IDLE_S = 1.0
HAND_BACK_S = 22.0
SWEEP_RETRY_S = 30.0
PRUNE_S = 3_600.0
PULSE_S = 5.0
ANSWERED_MS = 24 * 3_600_000
STORE_WAIT_S = 2.0
ATTEND_S = 2.0
LISTS_MS, LISTS_RETRY_MS = 86_400_000, 3_600_000


@dataclass
class Worker:
    """
    Runs a flow until told to stop. scans: seconds between two sweeps, by connection. retention_s: how long raw
    deliveries, attempts and finished writes are kept. name: unlike that of any other process. budgets: by connection,
    when they are shared with other processes; what they know is told to all. attends: whether it does what people ask
    of a connection, and reads its lists daily. tally: what this process counts. rounds: what else is done again and
    again, after as many seconds as each returns.
    """

    flow: Flow
    scans: Mapping[str, float]
    threads: int = 8
    retention_s: float = 14 * 86_400.0
    name: str = "worker"
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    rounds: Sequence[Callable[[], float]] = ()
    attends: bool = False
    swept: Callable[[str, Swept], None] = lambda connection, swept: None
    stop: threading.Event = field(default_factory=threading.Event)
    taking: threading.Lock = field(default_factory=threading.Lock)
    sweep_ms: dict[str, int] = field(default_factory=dict)

    def run(self) -> bool:
        """Work until `stop` is set; return whether every thread ended in time and handed its link back."""
        self.flow.stopping = self.stop.is_set
        threads = [threading.Thread(target=duty, daemon=True) for duty in self.duties()]
        for thread in threads:
            thread.start()
        self.stop.wait()
        deadline = time.monotonic() + HAND_BACK_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with suppress(Transient):
            self.tally.flush(self.flow.store)
            for budget in self.budgets.values():
                budget.give_back()
            self.flow.store.end_pulse(self.name)
        return not any(thread.is_alive() for thread in threads)

    def duties(self) -> list[Callable[[], None]]:
        """Return what runs side by side until `stop` is set, each in a thread of its own."""
        working = [partial(self._work, f"{self.name}-{i}") for i in range(self.threads)]
        sweeping = [
            partial(self._every, partial(self.sweep_once, c), partial(self._until_sweep_s, c)) for c in self.scans
        ]
        pruning = partial(self._every, self._prune_once, lambda: PRUNE_S)
        sharing = (
            [partial(self._every, self._tend_once), partial(self._every, self._pulse_once)] if self.budgets else []
        )
        rounds = [partial(self._every, each) for each in self.rounds]
        attending = [self._attend] if self.attends else []
        return [*working, *sweeping, pruning, *sharing, *rounds, *attending]

    def _work(self, owner: str) -> None:
        """One thread: take in, claim, work; sleep only when there was nothing."""
        while not self.stop.is_set():
            self.flow.store.wait_for_work(self._patiently(lambda: self._once(owner)), self.stop)
        self.flow.store.db.close()

    def _once(self, owner: str) -> float:
        took = self.take_in()
        return 0.0 if self.step(owner) or took else self._idle_s()

    def _patiently(self, act: Callable[[], float]) -> float:
        """Return how many seconds to wait, also when the store fails: nobody would miss a thread that has ended."""
        try:
            return act()
        except Transient as error:
            said: Fields = {"outcome": "failed", "reason": error.reason, "detail": error.detail}
            if error.reason == STORE_FAILED:
                said |= {"where": self.flow.store.db.path, "cure": self.flow.store.db.cure}
            log_event("worker.store", level=logging.ERROR, **said)
            return STORE_WAIT_S

    def take_in(self) -> int:
        """
        Turn deliveries into looks, whichever thread is free: one at a time, and nobody waits for it. Return how many.

        A delivery that meets a defect of ours is put away, so that those behind it go on.
        """
        if not self.taking.acquire(blocking=False):
            return 0
        try:
            waiting = self.flow.store.waiting()
            taken = []
            for delivery in waiting:
                try:
                    taken.append(self.flow.take_in(delivery))
                except Transient:
                    raise
                except Exception as error:  # noqa: BLE001  as in `step`
                    taken.append(Intake(delivery.id, (), "dead: defect"))
                    log_event("delivery.defect", level=logging.ERROR, delivery=delivery.id, trace=trace_of(error))
            self.flow.store.become_looks(taken)
            return len(waiting)
        finally:
            self.taking.release()

    def step(self, owner: str) -> bool:
        """Work on one link, if one is due; return whether there was one. Our own defects are put away, not repeated."""
        claim = self.flow.claim(owner)
        if claim is None:
            return False
        try:
            self.flow.work(claim)
        except Transient:
            raise
        except Exception as error:  # noqa: BLE001  the one place: whatever is not one of our errors is our defect
            self.flow.bury(claim, trace_of(error))
        return True

    def _idle_s(self) -> float:
        due = self.flow.store.next_look()
        return IDLE_S if due is None else max(0.01, min(IDLE_S, (due - self.flow.now()) / 1000))

    def _every(self, act: Callable[[], float], first: Callable[[], float] = lambda: 0.0) -> None:
        """Act, and again after so many seconds as it returns, until the end. first: seconds to wait before."""
        wait_s = self._patiently(first)
        while not self.stop.wait(wait_s):
            wait_s = self._patiently(act)
        self.flow.store.db.close()

    def _until_sweep_s(self, connection: str) -> float:
        row = self.flow.store.connections().get(connection)
        if row is None or row["swept_at"] is None:
            return 0.0
        due = int(row["swept_at"]) + int(self.scans[connection] * 1000)
        return max(0, due - self.flow.now()) / 1000

    def sweep_once(self, connection: str) -> float:
        """
        Sweep a connection that is not paused, unless another process does or has just done it; return the seconds to
        wait before the next time. Raises as the store does.
        """
        store, now, scan_s = self.flow.store, self.flow.now(), self.scans[connection]
        row = store.connections().get(connection)
        if row is not None and row["paused_until"] > now:
            return SWEEP_RETRY_S
        if not store.lease_sweep(connection, self.name, now, LEASE_MS, before=now - int(scan_s * 1000)):
            return self._until_sweep_s(connection) or min(SWEEP_RETRY_S, scan_s)
        wait_s, failed = self._sweep_leased(connection)
        store.release_sweep(connection, self.name, self.flow.now() + int(wait_s * 1000) if failed else 0)
        return wait_s

    def _sweep_leased(self, connection: str) -> tuple[float, bool]:
        """Sweep, and return the seconds to wait before the next time, and whether that holds for all processes."""
        store, started = self.flow.store, time.monotonic()
        try:
            keep = partial(self._keep_sweeping, connection)
            found = sweep(self.flow.connections[connection].connector, store, self.flow.now, keep)
        except Fenced:
            log_event("sweep.done", connection=connection, outcome="left to another")
            return SWEEP_RETRY_S, False
        except (Disconnected, Misconfigured) as error:
            store.pause(connection, str(error))
            log_event("sweep.done", connection=connection, outcome="paused", reason=error.reason)
            return SWEEP_RETRY_S, False
        except BridgeError as error:
            if error.reason == STORE_FAILED:
                raise
            after_s = error.after_s if isinstance(error, Transient) and error.after_s else SWEEP_RETRY_S
            log_event("sweep.done", connection=connection, outcome="failed", reason=error.reason)
            return min(max(after_s, 1.0), self.scans[connection]), True
        self.sweep_ms[connection] = ms = int((time.monotonic() - started) * 1000)
        log_event("sweep.done", connection=connection, outcome="ok", count=found.looks, ms=ms)
        self.swept(connection, found)
        return self.scans[connection], False

    def _keep_sweeping(self, connection: str, rows: int) -> None:
        """After each page: raise Fenced when this process is to stop, or the lease has gone to another."""
        if self.stop.is_set() or not self.flow.store.renew_sweep(connection, self.name, self.flow.now(), LEASE_MS):
            raise Fenced(connection)

    def _attend(self) -> None:
        """Look for what people ask. A connection with something to do gets a thread, as a sweep of it may take long."""
        busy: dict[str, threading.Thread] = {}
        while not self.stop.wait(ATTEND_S):
            self._patiently(partial(self._begin_to_attend, busy))
        for thread in busy.values():
            thread.join()
        self.flow.store.db.close()

    def _begin_to_attend(self, busy: dict[str, threading.Thread]) -> float:
        for connection in self.wanting():
            if connection not in busy or not busy[connection].is_alive():
                busy[connection] = threading.Thread(target=self._attend_to, args=(connection,), daemon=True)
                busy[connection].start()
        return 0.0

    def _attend_to(self, connection: str) -> None:
        self._patiently(partial(self.attend_once, connection))
        self.flow.store.db.close()

    def wanting(self) -> list[str]:
        """Return the connections that something is asked of, whose lists are to be read, or that wait for a sweep."""
        store, now = self.flow.store, self.flow.now()
        rows, wishes = store.connections(), store.wishes()
        asked = {name for (name, _), wish in wishes.items() if wish["answered_at"] is None}
        asked |= {c for c in self.flow.connections if _lists_due(rows.get(c), wishes.get((c, "lists")), now)}
        unswept = {c for c in self.scans.keys() & rows.keys() if rows[c]["swept_at"] is None}
        asked |= {c for c in unswept if store.sweep_wanted(c, now)}
        return sorted(asked & self.flow.connections.keys())

    def attend_once(self, connection: str) -> float:
        """Answer what is asked of a connection, read its lists when they are due, sweep it when somebody wants it."""
        store, now = self.flow.store, self.flow.now()
        if _lists_due(store.connections().get(connection), store.wishes().get((connection, "lists")), now):
            store.wish(connection, "lists", now)
        while not self.stop.is_set() and (wish := store.take_wish(connection, now, LEASE_MS)) is not None:
            self._answer(connection, wish)
        if connection in self.scans and store.sweep_wanted(connection, now):
            self.sweep_once(connection)
        return 0.0

    def _answer(self, connection: str, wish: str) -> None:
        store, started = self.flow.store, time.monotonic()
        question = next(q for q in QUESTIONS if q == wish)
        try:
            told = ask(question, self.flow.connections[connection].connector, store, self.flow.now)
        except Transient:
            raise
        except Exception as error:  # noqa: BLE001  as in `step`
            log_event("connection.defect", level=logging.ERROR, connection=connection, trace=trace_of(error))
            store.answer_wish(connection, wish, self.flow.now(), ok=False, said=["a defect of the bridge: see its log"])
            return
        reason, ms = told.error.reason if told.error else "", int((time.monotonic() - started) * 1000)
        outcome = "failed" if told.error else "ok"
        log_event("connection.asked", connection=connection, cause=wish, outcome=outcome, reason=reason, ms=ms)

    def _tend_once(self) -> float:
        for budget in self.budgets.values():
            budget.tend()
        return TEND_S

    def _pulse_once(self) -> float:
        """Tell what only this process knows of each connection, for pages and alerts, and what it has counted."""
        known = {c: {**asdict(budget.state()), "sweep_ms": self.sweep_ms.get(c)} for c, budget in self.budgets.items()}
        self.flow.store.beat(self.name, known, self.flow.now())
        self.tally.flush(self.flow.store)
        return PULSE_S

    def _prune_once(self) -> float:
        store, now = self.flow.store, self.flow.now()
        store.prune(now - int(self.retention_s * 1000))
        store.forget_answers(now, now - ANSWERED_MS)
        return PRUNE_S


def _lists_due(row: Row | None, last: Row | None, now: int) -> bool:
    """Tell whether lists are to be read unasked; those of a paused connection are not. row: the connection's."""
    if row is not None and row["paused_until"] > now:
        return False
    if last is None or last["answered_at"] is None:
        return last is None
    return bool(now - last["answered_at"] >= (LISTS_MS if last["ok"] else LISTS_RETRY_MS))
