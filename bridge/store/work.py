"""What people see of the work that was done and that waits, and what they do about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from bridge.core.model import FOREVER, Entry
from bridge.store.audit import LAST, Deed
from bridge.store.engine import Engine
from bridge.store.rows import Row, to_json

HoldKey = tuple[int, str, str, str]
FIRST_HOLD: HoldKey = (0, "", "", "")


class Work:
    """Verbs of the store. A filter left out takes everything; times are epoch milliseconds, `until` excluded."""

    db: Engine
    new_id: Callable[[], str]
    note: Callable[[Deed | None], None]

    # deliveries and attempts

    def page_of_deliveries(
        self,
        n: int,
        before: str = LAST,
        *,
        connection: str = "",
        state: str = "",
        outcome: str = "",
        link: str = "",
        since: int = 0,
        until: int = FOREVER,
    ) -> list[Row]:
        """Return deliveries without their bodies, newest first. outcome: how it begins. link: one that it led to."""
        about = {"connection": connection, "state": state, "outcome": outcome, "since": since, "until": until}
        return self._page("page_of_deliveries", "page_of_deliveries_of_link", link, n=n, before=before, **about)

    def one_delivery(self, delivery: str) -> Row | None:
        rows = self.db.run("one_delivery", id=delivery)
        return dict(rows[0]) if rows else None

    def caused_by(self, delivery: str) -> tuple[list[Row], list[Row]]:
        """Return the attempts and the writes that a delivery led to, oldest first; what it was merged into aside."""
        attempts = [dict(r) for r in self.db.run("attempts_of_cause", cause=delivery)]
        return attempts, [_write(r) for r in self.db.run("writes_of_cause", cause=delivery)]

    def replay_deliveries(self, ids: Sequence[str], deed: Deed | None = None) -> int:
        """Handle stored deliveries again; return how many there were."""
        with self.db.transaction():
            self.note(deed)
            known = sum(bool(self.db.run("replay_delivery", id=each)) for each in ids)
        self.db.wake()
        return known

    def page_of_attempts(
        self, n: int, before: str = LAST, *, connection: str = "", outcome: str = "", link: str = "", since: int = 0
    ) -> list[Row]:
        """Return attempts, newest first. outcome: how it begins."""
        about = {"connection": connection, "outcome": outcome, "since": since}
        return self._page("page_of_attempts", "page_of_attempts_of_link", link, n=n, before=before, **about)

    def _page(self, statement: str, of_link: str, link: str, **about: Any) -> list[Row]:
        """A link has an index of its own, so it is asked for by a statement of its own."""
        rows = self.db.run(of_link, link=link, **about) if link else self.db.run(statement, **about)
        return [dict(r) for r in rows]

    # holds

    def page_of_holds(
        self,
        n: int,
        after: HoldKey = FIRST_HOLD,
        *,
        connection: str = "",
        field: str = "",
        kind: str = "",
        link: str = "",
        reason: str = "",
    ) -> list[Row]:
        """
        Return holds, the oldest first, each with the hub's `value` of its field, its `origin`, and the deal's `name`.

        after: since, link, connection and field of the last one that was seen.
        """
        about = {"connection": connection, "field": field, "kind": kind, "link": link, "reason": reason}
        last = dict(zip(("after_at", "after_link", "after_connection", "after_field"), after, strict=True))
        return [_hold(r) for r in self.db.run("page_of_holds", n=n, **last, **about)]

    def one_hold(self, link: str, connection: str, field: str) -> Row | None:
        rows = self.db.run("one_hold", link=link, connection=connection, field=field)
        return _hold(rows[0]) if rows else None

    def groups_of_holds(self, *, connection: str = "", field: str = "", kind: str = "") -> list[Row]:
        """
        Return what waits for one and the same reason: connection, field, kind, reason, cure, since and `deals`.

        connection: "" where one cure is for all sides: a decision between them, or a meaning.
        """
        return [dict(r) for r in self.db.run("groups_of_holds", connection=connection, field=field, kind=kind)]

    def look_again(self, link: str, connection: str, now: int, deed: Deed | None = None) -> None:
        """Look at one side because a person asks for it."""
        with self.db.transaction():
            self.note(deed)
            self.db.run("add_look", link=link, connection=connection, at=now, cause="again")
        self.db.wake()

    # dead letters

    def page_of_dead(
        self,
        n: int,
        before: str = LAST,
        *,
        connection: str = "",
        link: str = "",
        reason: str = "",
        since: int = 0,
        until: int = FOREVER,
    ) -> list[Row]:
        """
        Return what will not be tried again by itself, newest first: `kind` write or delivery. reason: how it begins.
        """
        found = self.db.run(
            "page_of_dead",
            n=n, before=before, connection=connection, link=link, reason=reason, since=since, until=until,
        )  # fmt: skip
        return [dict(r) for r in found]

    def one_write(self, write: str) -> Row | None:
        """Return a write with `patch` {field: [native value, version]}, `touched` and `answer` parsed."""
        rows = self.db.run("one_write", id=write)
        return _write(rows[0]) if rows else None

    def replay_dead(self, ids: Sequence[str], now: int, deed: Deed | None = None) -> int:
        """Try writes again that were given up, and deliveries; return how many of these were dead."""
        with self.db.transaction():
            rows = [row for each in ids for row in self.db.run("replay_write", id=each)]
            self._again(rows, now, deed)
            done = len(rows) + sum(bool(self.db.run("replay_dead_delivery", id=each)) for each in ids)
            self.note(deed if done else None)
        self.db.wake()
        return done

    def replay_side(self, link: str, connection: str, now: int, deed: Deed | None = None) -> int:
        """Try again what was given up at one side of a link, and look at it; return how many writes that were."""
        with self.db.transaction():
            self.note(deed)
            rows = self.db.run("replay_side", link=link, connection=connection)
            self._again(rows, now, deed)
            self.db.run("add_look", link=link, connection=connection, at=now, cause="replay")
        self.db.wake()
        return len(rows)

    def _again(self, rows: Sequence[Row], now: int, deed: Deed | None) -> None:
        """Look at sides whose writes are tried again, and let their journals tell of it."""
        self.db.many("add_look", [_look(r, now) for r in rows])
        who = f"by {deed.who}" if deed else ""
        entries = [(r["link"], Entry(now, r["connection"], "", "replayed", detail=who)) for r in rows]
        self.db.many("note", [_entry(e, self.new_id(), link) for link, e in entries])

    def discard_write(self, write: str, now: int, why: str, deed: Deed) -> bool:
        """
        Let a write be that was given up: its values are not tried again there, and the look that this asks for ends
        its holds. False: there is none to discard.

        why: who and the reason, for the journal.
        """
        with self.db.transaction():
            rows = [_write(r) for r in self.db.run("discard_write", id=write)]
            for row in rows:
                self.note(deed)
                for name, (value, version) in row["patch"].items():
                    e = Entry(now, row["connection"], name, "discarded", None, value, version, row["cause"], why)
                    self.db.run("note", **_entry(e, self.new_id(), row["link"]))
                self.db.run("add_look", **_look(row, now))
        self.db.wake()
        return bool(rows)

    def discard_delivery(self, delivery: str, outcome: str, deed: Deed) -> bool:
        """Let a delivery be that will not be handled; outcome: what it is then shown with. False: it is not dead."""
        with self.db.transaction():
            known = bool(self.db.run("discard_delivery", id=delivery, outcome=outcome))
            if known:
                self.note(deed)
        return known


def _look(row: Row, now: int) -> Row:
    return {"link": row["link"], "connection": row["connection"], "at": now, "cause": "replay"}


def _entry(e: Entry, new: str, link: str) -> Row:
    return {**vars(e), "id": new, "link": link, "old": to_json(e.old), "new": to_json(e.new)}


def _write(row: Any) -> Row:
    found = dict(row)
    parsed = {k: json.loads(found[k]) for k in ("patch", "touched")}
    return {**found, **parsed, "answer": json.loads(found["answer"] or "null")}


def _hold(row: Any) -> Row:
    found = dict(row)
    return {**found, "value": json.loads(found["value"] or "null"), "name": json.loads(found["name"] or "null")}
