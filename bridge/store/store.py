"""The verbs of the store. Each is one transaction; none calls the network."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.core.merge import assert_sound
from bridge.core.model import Effects, Entry, Hold, Kind, Link, Look, Said, Write
from bridge.store.rows import Key, Row, build, flatten, patch_json, to_json
from bridge.store.tables import Tables


class Fenced(Exception):
    """The lease of this link went to another worker: what this one decided must be thrown away."""


@dataclass
class Claim:
    """
    The lease of one link.

    token: grows with each lease; every save checks it. until: epoch milliseconds. lapsed: the lease before this one
    was not given back, so its worker may have died between two steps.
    """

    link: str
    token: int
    until: int
    lapsed: bool = False
    loaded: dict[Key, Row] = field(default_factory=dict, repr=False)


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
class Attempt:
    """One pass over one side of a link: what made us look, how it ended, how long it took."""

    link: str
    connection: str
    cause: str
    outcome: str
    reason: str = ""
    detail: str = ""
    fails: int = 0
    ms: int = 0


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
        with self.db.transaction():
            rows = self.db.run(
                "accept",
                id=new,
                connection=connection,
                dedupe_key=dedupe_key or new,
                at=now,
                method=method,
                query=to_json(dict(query)),
                content_type=content_type,
                body=body,
            )
            self.db.run("heard", connection=connection, at=now)
        if rows:
            self.db.wake()
        return new if rows else None

    def waiting(self, n: int = 100) -> list[Waiting]:
        """Return the oldest deliveries that have not become looks."""
        rows = self.db.run("waiting", n=n)
        return [
            Waiting(r["id"], r["connection"], r["method"], json.loads(r["query"]), r["content_type"], r["body"])
            for r in rows
        ]

    def count_waiting(self) -> int:
        return int(self.db.run("count_waiting")[0][0])

    def become_looks(self, delivery: str, looks: Sequence[tuple[str, Look]], outcome: str) -> None:
        """
        Turn a delivery into looks at links, or end it with `outcome` when it leads to none.

        looks: link id and look. A delivery that does not wait any more stays as it is: another worker was first.
        """
        with self.db.transaction():
            state = "looking" if looks else "done"
            if self.db.run("delivery_state", id=delivery, state=state, outcome="" if looks else outcome):
                self._add_looks(looks)

    def replay(self, delivery: str) -> bool:
        """Handle a stored delivery again; return False when there is none of that id."""
        with self.db.transaction():
            known = bool(self.db.run("delivery", id=delivery))
            self.db.run("replay", id=delivery)
        return known

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
        if not self.db.run("something_due", now=now):
            return None
        with self.db.transaction():
            rows = self.db.run("due_link", now=now)
            if not rows:
                return None
            link, lapsed = str(rows[0]["link"]), bool(rows[0]["lapsed"])
            rows = self.db.run("lease", link=link, owner=owner, now=now, until=now + lease_ms)
            return Claim(link, rows[0]["token"], now + lease_ms, lapsed) if rows else None

    def renew(self, claim: Claim, now: int, lease_ms: int) -> None:
        """Extend a lease; raises Fenced when it is lost."""
        with self.db.transaction():
            self._fence(claim)
            self.db.run("renew", link=claim.link, token=claim.token, until=now + lease_ms)
        claim.until = now + lease_ms

    def release(self, claim: Claim) -> None:
        """Give the lease back."""
        with self.db.transaction():
            self.db.run("release", link=claim.link, token=claim.token)

    def load(self, claim: Claim) -> Link:
        """Return the working copy of the link of a claim."""
        tables = ("refs", "hubs", "shadows", "formers", "writes")
        link = build(claim.link, {t: self.db.run(f"load_{t}", link=claim.link) for t in tables})
        claim.loaded = flatten(link)
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
        ended: tuple[Sequence[str], str] = ((), ""),
    ) -> None:
        """
        Save everything that one step decided, in one transaction; raises Fenced when the lease is lost.

        taken: per connection, a time, and the causes whose looks up to then are done. holds: per connection, all its
        holds. opened: a new write and its cause. resent: an open write that was sent again. closed: write id to state,
        detail. ended: deliveries and their outcome.
        """
        rows = flatten(link)
        with self.db.transaction():
            self._fence(claim)
            assert_sound(link)  # not before: who has lost the lease may have loaded half of another's change
            self._save_rows(claim, rows)
            for connection, (upto, causes) in (taken or {}).items():
                rows_taken = [{"link": link.id, "connection": connection, "upto": upto, "cause": c} for c in causes]
                self.db.many("take_looks", rows_taken)
            if opened is not None:
                write, cause = opened
                self.db.run(
                    "open_write",
                    id=write.id,
                    link=link.id,
                    connection=write.ref.connection,
                    patch=patch_json(write),
                    touched=to_json(sorted(write.touched)),
                    at=write.at,
                    cause=cause,
                )
            if resent is not None:
                self.db.run("touch_write", id=resent.id, at=resent.at)
            for write_id, (state, detail) in {**(effects.closed if effects else {}), **(closed or {})}.items():
                self.db.run("close_write", id=write_id, state=state, detail=detail)
            for connection, each in (holds or {}).items():
                self._put_holds(link.id, connection, each, now)
            self._end_deliveries(*ended)
            if effects is not None:
                self._add_looks([(link.id, look) for look in effects.looks])
                self.db.many("note", [self._entry(link.id, e) for e in effects.journal])
        claim.loaded = rows

    def _save_rows(self, claim: Claim, rows: dict[Key, Row]) -> None:
        changed: dict[str, list[Row]] = {}
        for key, row in rows.items():
            if claim.loaded.get(key) != row:
                changed.setdefault(key[0], []).append(row)
        dropped = [claim.loaded[key] for key in claim.loaded.keys() - rows.keys()]
        for row in dropped:
            self.db.run("drop_former", **{k: row[k] for k in ("link", "connection", "field", "native")})
        for statement, each in changed.items():
            self.db.many(statement, each)

    def _fence(self, claim: Claim) -> None:
        rows = self.db.run("fence", link=claim.link)
        if not rows or rows[0]["token"] != claim.token:
            raise Fenced(claim.link)

    def _add_looks(self, looks: Iterable[tuple[str, Look]]) -> None:
        rows = [{"link": link, "connection": k.ref.connection, "at": k.at, "cause": k.cause} for link, k in looks]
        self.db.many("add_look", rows)

    def _put_holds(self, link: str, connection: str, holds: Sequence[Hold], now: int) -> None:
        wanted = {h.field for h in holds}
        for r in self.db.run("holds_of_side", link=link, connection=connection):
            if r["field"] not in wanted:
                self.db.run("drop_hold", link=link, connection=connection, field=r["field"])
        for h in holds:
            self.db.run(
                "put_hold", link=link, connection=connection, field=h.field, reason=h.reason, cure=h.cure, since=now
            )

    def _entry(self, link: str, e: Entry) -> Row:
        return {**vars(e), "id": self.new_id(), "link": link, "old": to_json(e.old), "new": to_json(e.new)}

    def resting(self, link: str, now: int) -> set[str]:
        """Return the connections of a link that have failed and are to be tried later, not now."""
        return {r["connection"] for r in self.db.run("resting", link=link, now=now)}

    def refused(self, link: str, connection: str) -> dict[str, tuple[Said, str]]:
        """Return what this side has refused for good, field by field: the value, and what the vendor said."""
        found: dict[str, tuple[Said, str]] = {}
        for r in self.db.run("refused", link=link, connection=connection):
            for name, (value, version) in json.loads(r["patch"]).items():
                found[name] = Said(value, version), r["detail"]
        return found

    def look(self, link: str, looks: Sequence[Look]) -> None:
        """Ask for looks at refs of a link."""
        with self.db.transaction():
            self._add_looks((link, k) for k in looks)
        self.db.wake()

    def wait_for_work(self, s: float, stop: threading.Event) -> None:
        """Return after `s` seconds, or earlier when `stop` is set or there is work that others have stored."""
        self.db.wait(s, stop)

    def finish(self, attempt: Attempt, now: int, *, failing_since: int | None = None) -> None:
        """Remember how a pass over one side ended, and give the deliveries that asked for it their outcome."""
        with self.db.transaction():
            self.db.run("attempt", id=self.new_id(), at=now, **vars(attempt))
            self.db.run(
                "fails", link=attempt.link, connection=attempt.connection, fails=attempt.fails, since=failing_since
            )

    def end_deliveries(self, causes: Sequence[str], outcome: str) -> None:
        """Give deliveries their outcome; the ones behind the first were merged into its look."""
        with self.db.transaction():
            self._end_deliveries(causes, outcome)

    def _end_deliveries(self, causes: Sequence[str], outcome: str) -> None:
        for i, cause in enumerate(causes):
            self.db.run("delivery_outcome", id=cause, outcome=outcome if i == 0 else f"merged: {outcome}")

    def failing(self, link: str, connection: str) -> tuple[int, int | None]:
        """Return how often in a row this side has failed, and since when."""
        row = self.db.run("failing", link=link, connection=connection)[0]
        return row["fails"], row["failing_since"]

    def peek(self, link: str) -> Link:
        """Return a copy of a link to show; it cannot be saved."""
        return self.load(Claim(link, -1, 0))
