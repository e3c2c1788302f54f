"""What is kept as data rather than as state: connections, and what pages show."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uuid_utils

from bridge.core.model import FOREVER, Native, Ref
from bridge.store.activity import Activity
from bridge.store.alarms import Alarms
from bridge.store.answers import Answers
from bridge.store.audit import Audit, Deed
from bridge.store.choices import Choices
from bridge.store.engine import Engine, on_server
from bridge.store.inbox import Inbox
from bridge.store.links import Links
from bridge.store.lists import Lists
from bridge.store.pulse import Pulses
from bridge.store.rows import Row, to_json
from bridge.store.searching import Searching
from bridge.store.sharing import Sharing
from bridge.store.sqlite import Sqlite
from bridge.store.tally import Tallies
from bridge.store.tokens import Tokens
from bridge.store.work import Work


@dataclass(frozen=True)
class KnownSide:
    """What the store knows of one ref, to compare a row of a sweep with. gone: reads have found nothing."""

    link: str
    stamp: int | None
    gone: bool
    natives: dict[str, Native]


def _engine(address: str | Path) -> Engine:
    if not on_server(address):
        return Sqlite(address)
    from bridge.store.postgres import Postgres  # psycopg takes as long to load as all the rest: only who needs it waits

    return Postgres(str(address))


class Tables(
    Links, Searching, Sharing, Lists, Choices, Work, Pulses, Tallies, Alarms, Activity, Tokens, Answers, Audit
):
    """
    address: of a PostgreSQL database, or the path of a SQLite file. new_id: makes the ids of rows; UUIDv7 unless a test
    wants its own.
    """

    def __init__(self, address: str | Path, new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7())) -> None:
        self.db = _engine(address)
        self.inbox = Inbox(self.db)
        self.new_id = new_id

    def migrate(self) -> list[str]:
        """Bring the schema up to date; return the names of the migrations that were applied."""
        return self.db.migrate()

    def name_also(self, ref: Ref, aliases: Sequence[str]) -> None:
        """Remember other ids under which webhooks name a record."""
        rows = []
        for alias in aliases:
            known = self.db.run("find", connection=ref.connection, kind=ref.kind, vendor_id=alias)
            if ref.vendor_id not in {r["vendor_id"] for r in known}:
                rows.append({**vars(ref), "alias": alias})
        if rows:
            with self.db.transaction():
                self.db.many("add_alias", rows)

    def live_ids(self, connection: str) -> set[str]:
        """Return the vendor ids of every linked, live opportunity of a connection."""
        return {r["vendor_id"] for r in self.db.run("ref_ids", connection=connection)}

    def known_sides(self, connection: str, vendor_ids: Sequence[str]) -> dict[str, KnownSide]:
        """Return what is known of those vendor ids that are linked."""
        known: dict[str, KnownSide] = {}
        for r in self.db.run("shadows_of_refs", connection=connection, ids=to_json(list(vendor_ids))):
            side = known.setdefault(r["vendor_id"], KnownSide(r["link"], r["stamp"], bool(r["gone"]), {}))
            if r["field"] is not None:
                side.natives[r["field"]] = json.loads(r["native"])
        return known

    def pause(self, connection: str, why: str, until: int = FOREVER, deed: Deed | None = None) -> None:
        """Stop working on a connection until a time; its deliveries and looks wait. A longer or a person's stays."""
        with self.db.transaction():
            self.note(deed)
            self.db.run("pause", connection=connection, until=until, why=why, who=deed.who if deed else "")

    def resume(self, connection: str, now: int, deed: Deed | None = None) -> None:
        """End a pause, and look at every ref that the hub has run ahead of."""
        with self.db.transaction():
            self.note(deed)
            self.db.run("resume", connection=connection)
            self.db.run("look_at_due", connection=connection, at=now)

    def swept(self, connection: str, at: int) -> None:
        with self.db.transaction():
            self.db.run("swept", connection=connection, at=at)

    def connections(self) -> dict[str, Row]:
        """Return paused_until, why, paused_by ("": the bridge itself), heard_at and swept_at by connection."""
        return {r["name"]: dict(r) for r in self.db.run("connections")}

    # what to show

    def journal(self, link: str) -> list[Row]:
        """Return the journal of a link, oldest first; old and new are parsed."""
        rows = [dict(r) for r in self.db.run("journal_of_link", link=link)]
        return [{**r, "old": json.loads(r["old"] or "null"), "new": json.loads(r["new"] or "null")} for r in rows]

    def journal_page(self, link: str, n: int, after: str = "") -> list[Row]:
        """Return entries of the journal of a link from after an id on, oldest first; old and new are parsed."""
        rows = [dict(r) for r in self.db.run("journal_page", link=link, n=n, after=after)]
        return [{**r, "old": json.loads(r["old"] or "null"), "new": json.loads(r["new"] or "null")} for r in rows]

    def holds(self, link: str | None = None) -> list[Row]:
        """Return the holds of a link, or all of them with their links."""
        return [dict(r) for r in (self.db.run("holds_of_link", link=link) if link else self.db.run("holds"))]

    def attempts(self, link: str, n: int) -> list[Row]:
        """Return the latest attempts at a link, newest first."""
        return [dict(r) for r in self.db.run("attempts", link=link, n=n)]

    def troubles(self, link: str) -> list[Row]:
        """Return the sides whose last call failed and is tried again: connection, fails, since, reason, detail."""
        return [dict(r) for r in self.db.run("troubles", link=link)]

    def counts(self) -> dict[str, int]:
        """Return how many rows the main tables hold."""
        row = self.db.run("counts")[0]
        return {k: row[k] for k in row.keys()}  # noqa: SIM118  a Row is no mapping

    def prune(self, before: int) -> None:
        """Forget raw deliveries, attempts and finished writes older than `before`; links and journal stay."""
        with self.db.transaction():
            for statement in ("prune_deliveries", "prune_attempts", "prune_writes"):
                self.db.run(statement, before=before)
