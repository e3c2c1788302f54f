"""The verbs of the store. Each is one transaction; none calls the network."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.core.merge import assert_sound
from bridge.core.model import Effects, Entry, Hold, Kind, Link, Look, Refusal, Said, Write
from bridge.store.audit import Deed
from bridge.store.inbox import Delivery
from bridge.store.rows import Key, Row, Values, build, flatten, patch_json, row_of, to_json
from bridge.store.tables import Tables

LOADED = ("refs", "hubs", "shadows", "formers", "writes", "holds")


class Fenced(Exception):
    """The lease of this link went to another worker: what this one decided must be thrown away."""


@dataclass
class Claim:
    """
    The lease of one link.

    token: grows with each lease; every save checks it. until: epoch milliseconds. lapsed: the lease before this one
    was not given back, so its worker may have died between two steps.

    What the store holds of the link, as far as this worker knows: loaded, what `flatten` returned; failing, how often
    in a row a side has failed, and since when; held, the holds of a side by field.
    """

    link: str
    token: int
    until: int
    lapsed: bool = False
    loaded: dict[Key, Values] = field(default_factory=dict, repr=False)
    failing: dict[str, tuple[int, int | None]] = field(default_factory=dict, repr=False)
    held: dict[str, dict[str, Hold]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Waiting:
    """A delivery that nobody has turned into looks yet."""

    id: str
    connection: str
    method: str
    query: Mapping[str, str]
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Intake:
    """What a delivery leads to: looks, each with its link; or none, and why."""

    delivery: str
    looks: Sequence[tuple[str, Look]]
    outcome: str


@dataclass(frozen=True)
class Attempt:
    """
    One pass over one side of a link: what made us look, how it ended, how long it took.

    fails: how often in a row this side has failed now. failing_since: since when; None when it has not.
    """

    link: str
    connection: str
    cause: str
    outcome: str
    reason: str = ""
    detail: str = ""
    fails: int = 0
    ms: int = 0
    failing_since: int | None = None


class Store(Tables):
    """Everything that one step of the bridge reads or saves."""

    # deliveries

    def accept(
        self,
        connection: str,
        dedupe_key: str | None,
        now: int,
        *,
        method: str,
        query: Mapping[str, str],
        content_type: str,
        body: bytes,
    ) -> str | None:
        """
        Keep a verified delivery durably and return its id; None: it is a repeat of a known one, and changes nothing.

        dedupe_key: the vendor's id of the notification; None when it has none, so that equal bodies stay two hints.
        """
        new = self.new_id()
        kept = Delivery(new, connection, dedupe_key or new, now, method, to_json(dict(query)), content_type, body)
        return new if self.inbox.accept(kept) else None

    def waiting(self, n: int = 100) -> list[Waiting]:
        """Return the oldest deliveries that have not become looks."""
        rows = self.db.run("waiting", n=n)
        return [
            Waiting(r["id"], r["connection"], r["method"], json.loads(r["query"]), r["content_type"], r["body"])
            for r in rows
        ]

    def count_waiting(self) -> int:
        return int(self.db.run("count_waiting")[0][0])

    def become_looks(self, intakes: Sequence[Intake]) -> None:
        """
        Turn deliveries into looks at links, or end those that lead to none.

        A delivery that does not wait any more stays as it is: another worker was first.
        """
        if not intakes:
            return
        with self.db.transaction(durable=False):
            for each in intakes:
                state, outcome = ("looking", "") if each.looks else ("done", each.outcome)
                if self.db.run("delivery_state", id=each.delivery, state=state, outcome=outcome):
                    self._add_looks(each.looks)

    # links and leases

    def find(self, connection: str, vendor_id: str, kind: Kind = "opportunity") -> str | None:
        """Return the link of a vendor's id or alias, or None."""
        rows = self.db.run("find", connection=connection, kind=kind, vendor_id=vendor_id)
        return str(rows[0]["link"]) if rows else None

    def claim(self, owner: str, now: int, lease_ms: int) -> Claim | None:
        """
        Take the lease of the link that has waited longest, or whose lease has lapsed; None when nothing is due.

        now: of the clock that all processes share, `store.Clock`. A worker whose clock still runs ahead can take a
        link too early; then the token refuses the other's late commit.
        """
        due = self.db.run("something_due", now=now)
        if not due:
            return None
        with self.db.transaction(durable=False):
            rows = self.db.run("due_link", now=now)
            if not rows:
                return None
            link, lapsed = str(rows[0]["link"]), bool(rows[0]["lapsed"])
            rows = self.db.run("lease", link=link, owner=owner, now=now, until=now + lease_ms)
        if len(due) > 1:
            self.db.pass_on()
        return Claim(link, rows[0]["token"], now + lease_ms, lapsed) if rows else None

    def renew(self, claim: Claim, now: int, lease_ms: int) -> None:
        """Extend a lease; raises Fenced when it is lost."""
        with self.db.transaction(durable=False):
            self._fence(claim)
            self.db.run("renew", link=claim.link, token=claim.token, until=now + lease_ms)
        claim.until = now + lease_ms

    def release(self, claim: Claim) -> None:
        """Give the lease back."""
        with self.db.transaction(durable=False):
            self.db.run("release", link=claim.link, token=claim.token)

    def seize(self, link: str, owner: str, now: int, lease_ms: int = 60_000) -> Claim | None:
        """
        Take the lease of a link from whoever holds it, for a person; None: there is no such link.

        A worker that held it is fenced, exactly as if it had died: what it may have sent is in doubt (R12), and what it
        had begun is looked at again.
        """
        with self.db.transaction(durable=False):
            rows = self.db.run("leased_until", link=link)
            if not rows:
                return None
            self.fence_off([link], now)
            if rows[0]["lease_until"] > 0:
                self.db.run("look_at_all", link=link, at=now, cause="in doubt")
            token = self.db.run("lease", link=link, owner=owner, now=now, until=now + lease_ms)[0]["token"]
        return Claim(link, token, now + lease_ms)

    def hand_back(self, claim: Claim) -> None:
        """Give a seized lease back, and wake who goes on with it."""
        self.release(claim)
        self.db.wake()

    def load(self, claim: Claim) -> Link:
        """Return the working copy of the link of a claim."""
        rows = {t: self.db.run(f"load_{t}", link=claim.link) for t in LOADED}
        link = build(claim.link, rows)
        claim.loaded = flatten(link)
        claim.failing = {r["connection"]: (r["fails"], r["failing_since"]) for r in rows["refs"]}
        claim.held = {c: {} for c in link.sides}
        for r in rows["holds"]:
            claim.held.setdefault(r["connection"], {})[r["field"]] = Hold(*r)
        return link

    def due_looks(self, link: str, now: int) -> dict[str, list[str]]:
        """Return the connections of a link that are due for a look, each with the causes, oldest first."""
        due: dict[str, list[str]] = {}
        for r in self.db.run("due_looks", link=link, now=now):
            causes = due.setdefault(r["connection"], [])
            if r["cause"] not in causes:
                causes.append(r["cause"])
        return due

    def next_look(self) -> int | None:
        """Return when the next look can be worked on, in epoch milliseconds; None when nothing waits."""
        return min((max(*row) for row in self.db.run("next_look_soon")), default=None)

    def save(
        self,
        claim: Claim,
        link: Link,
        now: int,
        *,
        effects: Effects | None = None,
        taken: Mapping[str, tuple[int, Sequence[str]]] | None = None,
        holds: Mapping[str, Sequence[Hold]] | None = None,
        opened: tuple[Write, str] | None = None,
        resent: Write | None = None,
        closed: Mapping[str, tuple[str, str]] | None = None,
        answer: str = "",
        ended: tuple[Sequence[str], str] = ((), ""),
        attempt: Attempt | None = None,
        cause: str = "",
        deed: Deed | None = None,
    ) -> None:
        """
        Save everything that one step decided, in one transaction; raises Fenced when the lease is lost.

        taken: per connection, a time, and the causes whose looks up to then are done. holds: per connection, all its
        holds. opened: a new write and its cause; it is on disk when this returns. resent: an open write that was sent
        again. closed: write id to state, detail. answer: what the vendor said to it. ended: deliveries and their
        outcome. attempt: how the step went. cause: the delivery, or the word, that the journal tells of holds. deed:
        what a person did by it.
        """
        values = flatten(link)
        with self.db.transaction(durable=opened is not None):
            self._fence(claim)
            assert_sound(link)  # not before: who has lost the lease may have loaded half of another's change
            self._save_rows(claim, values)
            for connection, (upto, causes) in (taken or {}).items():
                rows_taken = [{"link": link.id, "connection": connection, "upto": upto, "cause": c} for c in causes]
                self.db.many("take_looks", rows_taken)
            self.note(deed)
            ends = {**(effects.closed if effects else {}), **(closed or {})}
            self._save_writes(link.id, opened, resent, ends, answer)
            self._end_deliveries(link.id, *ended)
            told = list(effects.journal) if effects else []
            for connection, each in (holds or {}).items():
                told += self._put_holds(claim, connection, each, now, cause)
            if effects is not None:
                self._add_looks([(link.id, look) for look in effects.looks])
            self.db.many("note", [self._entry(link.id, e) for e in told])
            if attempt is not None:
                self._put_attempt(claim, attempt, now)
        claim.loaded = values
        claim.held |= {c: {h.field: h for h in each} for c, each in (holds or {}).items()}
        if attempt is not None:
            claim.failing[attempt.connection] = attempt.fails, attempt.failing_since

    def _save_writes(
        self,
        link: str,
        opened: tuple[Write, str] | None,
        resent: Write | None,
        closed: Mapping[str, tuple[str, str]],
        answer: str,
    ) -> None:
        if opened is not None:
            write, cause = opened
            self.db.run(
                "open_write",
                id=write.id,
                link=link,
                connection=write.ref.connection,
                patch=patch_json(write),
                touched=to_json(sorted(write.touched)),
                at=write.at,
                cause=cause,
            )
        if resent is not None:
            self.db.run("touch_write", id=resent.id, at=resent.at)
        for write_id, (state, detail) in closed.items():
            self.db.run("close_write", id=write_id, state=state, detail=detail, answer=answer)

    def _save_rows(self, claim: Claim, values: dict[Key, Values]) -> None:
        changed: dict[str, list[Row]] = {}
        for key, each in values.items():
            if claim.loaded.get(key) != each:
                changed.setdefault(key[0], []).append(row_of(claim.link, key, each))
        for key in claim.loaded.keys() - values.keys():
            row = row_of(claim.link, key, claim.loaded[key])
            self.db.run("drop_former", **{k: row[k] for k in ("link", "connection", "field", "native")})
        for statement, rows in changed.items():
            self.db.many(statement, rows)

    def _fence(self, claim: Claim) -> None:
        rows = self.db.run("fence", link=claim.link)
        if not rows or rows[0]["token"] != claim.token:
            raise Fenced(claim.link)

    def _add_looks(self, looks: Iterable[tuple[str, Look]]) -> None:
        rows = [{"link": link, "connection": k.ref.connection, "at": k.at, "cause": k.cause} for link, k in looks]
        self.db.many("add_look", rows)

    def _put_holds(self, claim: Claim, connection: str, holds: Sequence[Hold], now: int, cause: str) -> Iterator[Entry]:
        """Make these the holds of a side; yield what the journal tells of it: only what has changed."""
        key, held, wanted = {"link": claim.link, "connection": connection}, claim.held.get(connection, {}), set()
        for h in holds:
            wanted.add(h.field)
            if held.get(h.field) != h:
                self.db.run("put_hold", **key, field=h.field, reason=h.reason, cure=h.cure, kind=h.kind, since=now)
                yield Entry(now, connection, h.field, "waits", new=h.cure, delivery=cause, detail=h.reason)
        for name in sorted(held.keys() - wanted):
            self.db.run("drop_hold", **key, field=name)
            yield Entry(now, connection, name, "freed", delivery=cause, detail=held[name].reason)

    def _put_attempt(self, claim: Claim, attempt: Attempt, now: int) -> None:
        self.db.run("attempt", id=self.new_id(), at=now, **vars(attempt))
        failing = attempt.fails, attempt.failing_since
        if claim.failing.get(attempt.connection, (0, None)) != failing:
            fails, since = failing
            self.db.run("fails", link=claim.link, connection=attempt.connection, fails=fails, since=since)

    def _entry(self, link: str, e: Entry) -> Row:
        return {**vars(e), "id": self.new_id(), "link": link, "old": to_json(e.old), "new": to_json(e.new)}

    def resting(self, link: str, now: int) -> set[str]:
        """Return the connections of a link that have failed and are to be tried later, not now."""
        return {r["connection"] for r in self.db.run("resting", link=link, now=now)}

    def refused(self, link: str, connection: str) -> dict[str, Refusal]:
        """Return what this side has refused for good, field by field."""
        found: dict[str, Refusal] = {}
        for r in self.db.run("refused", link=link, connection=connection):
            for name, (value, version) in json.loads(r["patch"]).items():
                found[name] = Refusal(Said(value, version), r["detail"], r["state"] == "discarded")
        return found

    def look(self, link: str, looks: Sequence[Look]) -> None:
        """Ask for looks at refs of a link."""
        with self.db.transaction(durable=False):
            self._add_looks((link, k) for k in looks)
        self.db.wake()

    def wait_for_work(self, s: float, stop: threading.Event) -> None:
        """
        Return when others have stored work, or `stop` is set, or `s` seconds after a thread has come here last.

        Returns at once when `s` is 0. It does not tell what there is to do, and may return for nothing.
        """
        self.db.wait(s, stop)

    def _end_deliveries(self, link: str, causes: Sequence[str], outcome: str) -> None:
        """Give deliveries their outcome; the ones behind the first were merged into its look at the link."""
        if causes:
            self.db.run("delivery_outcome", id=causes[0], outcome=outcome, link="")
        for cause in causes[1:]:
            self.db.run("delivery_outcome", id=cause, outcome=f"merged: {outcome}", link=link)

    def peek(self, link: str) -> Link:
        """Return a copy of a link to show; it cannot be saved."""
        return self.load(Claim(link, -1, 0))
