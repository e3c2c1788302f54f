"""
The path of a change: a delivery becomes looks, a look becomes a read, a read becomes changes, changes become writes.

All control flow of the bridge stands here. Whatever leaves the process comes in as an argument: the store, the
connectors, the clock and the dice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bridge.connectors.base import Connector, Inbound
from bridge.core.backoff import next_try
from bridge.core.errors import BridgeError, Disconnected, Misconfigured, Permanent, Transient
from bridge.core.merge import Merge, in_doubt
from bridge.core.model import FOREVER, Effects, Entry, Hold, Look, Native, Record, Side, Write
from bridge.core.plan import Plan, behind, due, garbled, leave_out, plan
from bridge.core.story import outcome_of
from bridge.passes import Facts, Pass
from bridge.sides import Connection, Sides
from bridge.store import Claim, Fenced, Store
from bridge.store.store import Attempt, Intake, Waiting

LEASE_MS = 60_000


class Flow:
    """
    now: epoch milliseconds. dice: uniform in [0, 1). report: told of each attempt, for log and counts; of one that met
    a defect without facts.
    """

    def __init__(
        self,
        store: Store,
        connections: Mapping[str, Connection],
        policies: Mapping[str, str],
        *,
        now: Callable[[], int],
        dice: Callable[[], float],
        report: Callable[[Attempt, Facts | None], None] = lambda attempt, facts: None,
    ) -> None:
        self.store, self.connections = store, connections
        self.now, self.dice, self.report = now, dice, report
        self.stopping: Callable[[], bool] = lambda: False
        self.sides = Sides(store, connections, policies)

    # step 2: a delivery becomes looks

    def take_in(self, delivery: Waiting) -> Intake:
        """Return the looks that a delivery leads to, or the reason why there are none."""
        connection = self.connections.get(delivery.connection)
        if connection is None:
            return Intake(delivery.id, (), "no such connection")
        inbound = Inbound(delivery.method, delivery.query, {"content-type": delivery.content_type}, delivery.body)
        refs = connection.connector.touched(inbound)
        looks = []
        for ref in refs:
            link = self.store.find(ref.connection, ref.vendor_id, ref.kind)
            if link is not None:
                now = self.now()
                looks.append((link, Look(ref, now, delivery.id)))
                if connection.habits.lag:
                    looks.append((link, Look(ref, now + connection.habits.lag, delivery.id)))
        return Intake(delivery.id, looks, "not linked" if refs else "not about a deal")

    # steps 3 to 8: one link

    def claim(self, owner: str) -> Claim | None:
        """Take the lease of the link that has waited longest, or return None when nothing is due."""
        return self.store.claim(owner, self.now(), LEASE_MS)

    def work(self, claim: Claim) -> None:
        """Work once on everything that is due for a link; repeating it is safe. A lost lease ends it quietly."""
        try:
            link = self.store.load(claim)
            upto = self.now()
            if claim.lapsed:  # R12: a worker died here, and what it sent is in doubt
                self.store.look(link.id, [Look(side.ref, upto, "in doubt") for side in link if side.open is not None])
            at = Pass(claim, link, self.sides.rules(link, upto), upto, self.store.due_looks(link.id, upto))
            self._forget_strangers(at)
            if any(fails for fails, _ in claim.failing.values()):
                at.resting = self.store.resting(link.id, upto) - at.causes.keys()
            for connection in list(at.causes):
                self._look(at, link.sides[connection])
            while (side := self._next_due(at)) and not self.stopping():
                self._bring_level(at, side)
            if side is not None:
                self.store.look(link.id, [Look(side.ref, self.now(), "handed back")])
            self._wait_for_pauses(at)
            self.store.release(claim)
        except Fenced:
            return

    def bury(self, claim: Claim, trace: str) -> None:
        """Put away what a defect of the bridge stopped, so that it is seen and not tried for ever."""
        now = self.now()
        try:
            link = self.store.load(claim)
            due_looks = self.store.due_looks(link.id, now) or {c: ["defect"] for c in link.sides}
            for connection, causes in due_looks.items():
                cure = "report it with the attempt's detail, then replay"
                why = Hold(connection, "", "a defect of the bridge", cure, "defect")
                taken, ended, cause = {connection: (now, causes)}, (causes, "dead: defect"), causes[0]
                attempt, holds = Attempt(link.id, connection, cause, "dead", "defect", trace), {connection: [why]}
                self.store.save(claim, link, now, taken=taken, holds=holds, ended=ended, attempt=attempt, cause=cause)
                self.report(attempt, None)
            self.store.release(claim)
        except Fenced:
            return

    def _forget_strangers(self, at: Pass) -> None:
        """Drop looks at connections that are not configured any more, and at refs that are not in the link any more."""
        strangers = at.causes.keys() - (at.link.sides.keys() & self.connections.keys())
        for connection in strangers:
            causes = at.causes.pop(connection)
            outcome = "not linked" if connection in self.connections else "no such connection"
            self._save(at, taken={connection: (at.upto, causes)}, ended=(causes, outcome))

    def _wait_for_pauses(self, at: Pass) -> None:
        """Come back to a side that was paused and that the hub has run ahead of, when its pause ends, or now."""
        waiting = [side for side in at.link if behind(at.link, side, at.rules)]
        if not waiting:
            return
        ends, now = {c: row["paused_until"] for c, row in self.store.connections().items()}, self.now()
        effects = Effects()
        for side in waiting:
            until = ends.get(side.ref.connection, 0)
            if (at.rules.sides[side.ref.connection].paused or now < until) and until < FOREVER:
                effects.looks.append(Look(side.ref, max(until, now), "resumed"))
        if effects.looks:
            self._save(at, effects=effects)

    def _next_due(self, at: Pass) -> Side | None:
        """Return a side with something due that was not tried yet at these hub versions."""
        for side in at.link:
            name = side.ref.connection
            if name not in at.rules.sides or name in at.resting or side.open is not None:
                continue
            wanted = tuple((f, at.link.hubs[f].version) for f in due(at.link, side, at.rules))
            if wanted and at.tried.get(name) != wanted:
                at.tried[name] = wanted
                return side
        return None

    def _look(self, at: Pass, side: Side) -> None:
        """Read a side because something asked for it, and take in what it shows."""
        connection, started = side.ref.connection, self.now()
        versions = {f: h.version for f, h in at.link.hubs.items()}
        try:
            seen = self._read(at, side)
        except BridgeError as error:
            self._failed(at, side, error, started, taken=True)
            return
        merge = self._observe(at, side, seen, started)
        causes, outcome = at.causes[connection], outcome_of(merge.effects, at.link, versions, seen)
        again = [k for k in merge.effects.looks if k.cause == merge.cause]
        merge.effects.looks += [replace(k, cause=merged) for k in again for merged in causes[1:]]
        waits, odd = bool(behind(at.link, side, at.rules)), garbled(merge.effects, connection)
        fails, since = at.claim.failing[connection] if waits else (0, None)
        self._save(
            at,
            effects=merge.effects,
            taken={connection: (at.upto, causes)},
            holds=None if waits and not odd else {connection: odd},
            ended=([] if again else causes, outcome),
            attempt=self._attempt(at, side, outcome, started, fails=fails, since=since),
        )

    def _observe(self, at: Pass, side: Side, seen: Record | None, issued: int) -> Merge:
        """Apply a read to the working copy. The caller saves."""
        merge = Merge(at.link, at.rules, self.now(), at.cause(side.ref.connection))
        if seen is None:
            merge.missing(side)
            return merge
        merge.present(side)
        self.sides.learn(at.rules, seen)
        merge.understand()
        unsettled = merge.observe(seen, issued)
        if side.open is not None and not unsettled & side.open.patch.keys():
            merge.resolve_doubt(side, issued)
        if seen.aliases:
            self.store.name_also(side.ref, seen.aliases)
        return merge

    def _bring_level(self, at: Pass, side: Side) -> None:
        """R10: read the side freshly, plan, and write what differs."""
        connection, started = side.ref.connection, self.now()
        connector = self._connector(connection)
        try:
            seen = self._read(at, side)
        except BridgeError as error:
            self._failed(at, side, error, started)
            return
        merge = self._observe(at, side, seen, started)
        if seen is None:
            self._save(at, effects=merge.effects)
            return
        unsettled = frozenset(merge.effects.unsettled)
        locked = {**seen.locked, **merge.effects.garbled}
        made = plan(at.link, side, at.rules, self.now(), unsettled=unsettled, locked=locked, cause=merge.cause)
        if made.patch:
            refused, singly = self.store.refused(at.link.id, connection), connection in at.singly
            leave_out(made, at.link, side, at.rules, refused, self.now(), singly=singly, cause=merge.cause)
        self._wait(merge.effects, side, made)
        patch = {f: said.value for f, said in made.patch.items()}
        resent = connector.resends(patch) if patch else frozenset()
        odd = garbled(merge.effects, connection)
        holds = {connection: odd + [h for h in made.holds if h.field not in merge.effects.garbled]}
        if not patch or resent & unsettled:
            self._save(at, effects=merge.effects, holds=holds)
            return
        write = Write(self.store.new_id(), side.ref, made.patch, frozenset(patch) | resent, self.now())
        for name in write.touched & side.shadows.keys():
            side.shadows[name].undated = True
        side.open = write
        self._save(at, effects=merge.effects, holds=holds, opened=(write, merge.cause))
        self._send(at, side, seen, started)

    def _send(self, at: Pass, side: Side, seen: Record, started: int) -> None:
        """Call the vendor with the open write of a side, and settle it by what comes back."""
        write, connection = side.open, side.ref.connection
        assert write is not None
        if at.claim.until - self.now() < self.connections[connection].habits.timeout:
            self.store.renew(at.claim, self.now(), LEASE_MS)
        try:
            answer = self._write(at, seen, {f: said.value for f, said in write.patch.items()})
        except Transient as error:
            if error.in_doubt:
                side.open = replace(write, at=self.now())
                self._failed(at, side, error, started, resent=side.open)
            else:
                side.open = None
                self._failed(at, side, error, started, closed={write.id: ("refused", error.reason)})
            return
        except BridgeError as error:
            side.open = None
            if isinstance(error, Permanent) and len(at.rules.sides[connection].units(write.patch)) > 1:
                at.singly.add(connection)
                at.tried.pop(connection)
                refused = {write.id: ("refused", f"{error}; each field is tried alone")}
                self._save(at, closed=refused, attempt=self._attempt(at, side, "refused", started, error=error))
            else:
                self._failed(at, side, error, started, closed={write.id: ("dead", str(error))})
                if connection in at.singly:
                    at.tried.pop(connection)
            return
        merge = Merge(at.link, at.rules, self.now(), at.cause())
        if answer is not None:
            self.sides.learn(at.rules, answer)
        merge.settle(side, answer, write.at)
        wrote = f"wrote {', '.join(sorted(write.patch))}"
        self._save(at, effects=merge.effects, attempt=self._attempt(at, side, wrote, started))

    def _wait(self, effects: Effects, side: Side, made: Plan) -> None:
        """Come back when a pause ends, and now and then for what waits for a person."""
        effects.journal.extend(made.journal)
        effects.looks.extend(Look(side.ref, until, "again") for until in made.waits)

    # failures

    def _failed(
        self,
        at: Pass,
        side: Side,
        error: BridgeError,
        started: int,
        *,
        taken: bool = False,
        resent: Write | None = None,
        closed: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        """
        A call failed: decide when to look again, and remember everything.

        taken: the looks that asked for this read are moved to that time with their causes.
        """
        connection, now = side.ref.connection, self.now()
        fails, since = at.claim.failing[connection]
        since, fails = since or now, fails + (not _asked_to_wait(error))
        again, dead = self._again(connection, error, fails, since)
        causes = at.causes.get(connection, ["retry"]) if taken else ["retry"]
        effects = Effects()
        if resent is not None:
            habits = self.connections[connection].habits
            again = max(again or 0, resent.at + habits.timeout + habits.lag)
            effects.journal = in_doubt(resent, now, at.cause())
        if again is not None:
            effects.looks = [Look(side.ref, again, cause) for cause in causes]
        holds = None
        if dead:
            why = Hold(connection, "", str(error), "mend the cause, then replay it", "refused")
            holds = {connection: [why]}
            effects.journal.append(Entry(now, connection, "", "refused", delivery=causes[0], detail=str(error)))
        outcome = "dead" if dead else "failed"
        self._save(
            at,
            effects=effects,
            taken={connection: (at.upto, causes)} if taken else None,
            holds=holds,
            resent=resent,
            closed=closed,
            answer=error.answer,
            ended=(causes if dead and taken else [], f"dead: {error.reason}"),
            attempt=self._attempt(at, side, outcome, started, error=error, fails=fails, since=since),
        )

    def _again(self, connection: str, error: BridgeError, fails: int, since: int) -> tuple[int | None, bool]:
        """Return when to look again (None: not by itself) and whether this is a dead letter. Pauses the connection."""
        now = self.now()
        if isinstance(error, Disconnected | Misconfigured):
            self.store.pause(connection, str(error), FOREVER)
            return now, False
        if isinstance(error, Transient):
            at = next_try(error, fails, since, now, self.dice())
            if error.whole and at is not None:
                self.store.pause(connection, error.reason, at)
            return at, at is None
        return None, True

    def _attempt(
        self,
        at: Pass,
        side: Side,
        outcome: str,
        started: int,
        *,
        error: BridgeError | None = None,
        fails: int = 0,
        since: int | None = None,
    ) -> Attempt:
        return Attempt(
            at.link.id,
            side.ref.connection,
            at.cause(side.ref.connection),
            outcome,
            error.reason if error else "",
            error.detail if error else "",
            fails,
            self.now() - started,
            since,
        )

    def _save(self, at: Pass, *, attempt: Attempt | None = None, **decided: Any) -> None:
        """Save what one step decided, as `Store.save` takes it, and tell of its attempt."""
        again = attempt is not None and at.claim.failing.get(attempt.connection, (0, None))[0] > 0
        self.store.save(at.claim, at.link, self.now(), attempt=attempt, cause=at.cause(), **decided)
        if attempt is not None:
            self.report(attempt, at.facts(attempt, self.now(), again))

    def _read(self, at: Pass, side: Side) -> Record | None:
        started = self.now()
        try:
            return self._connector(side.ref.connection).read(side.ref)
        finally:
            at.calls.reads, at.calls.read_ms = at.calls.reads + 1, at.calls.read_ms + self.now() - started

    def _write(self, at: Pass, seen: Record, patch: Mapping[str, Native]) -> Record | None:
        started, connector = self.now(), self._connector(seen.ref.connection)
        try:
            with connector.http.telling(connector.account.secrets.values()):
                return connector.write(seen, patch)
        finally:
            at.calls.writes, at.calls.write_ms = at.calls.writes + 1, at.calls.write_ms + self.now() - started

    def _connector(self, connection: str) -> Connector:
        return self.connections[connection].connector


def _asked_to_wait(error: BridgeError) -> bool:
    """Tell whether a vendor, or our budget for it, named the time to come again: that is no failure."""
    return isinstance(error, Transient) and error.after_s is not None
