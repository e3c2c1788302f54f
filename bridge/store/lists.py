"""What the lists of the CRMs offer, as last read, and what people ask of a CRM: the worker calls, nobody else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bridge.store.audit import Audit, Deed
from bridge.store.engine import Engine
from bridge.store.rows import Row, to_json


class Lists(Audit):
    """Verbs of the store."""

    db: Engine

    def put_lists(
        self, connection: str, rows: Sequence[Mapping[str, str]], now: int, customs: Sequence[Mapping[str, str]] = ()
    ) -> None:
        """
        Keep what a connection's lists offer in place of what was known of them.

        rows: field (canonical), native (as choices use it), label. customs: native, label, kind.
        """
        with self.db.transaction():
            self.db.run("drop_listed", connection=connection)
            self.db.many("add_listed", [{**row, "connection": connection, "at": now} for row in rows])
            self.db.run("drop_custom", connection=connection)
            self.db.many("add_custom", [{**row, "connection": connection} for row in customs])

    def lists(self, connection: str | None = None) -> list[Row]:
        """Return connection, field, native, label and at (when it was read), by connection, field and label."""
        return [dict(r) for r in self.db.run("listed", connection=connection or "")]

    def customs(self, connection: str) -> list[Row]:
        """Return connection, native, label and kind of the custom fields of an account."""
        return [dict(r) for r in self.db.run("customs", connection=connection)]

    def wish(self, connection: str, what: str, now: int, deed: Deed | None = None) -> None:
        """Ask the worker for something; the same again while it waits is one wish."""
        with self.db.transaction():
            self.note(deed)
            self.db.run("put_wish", connection=connection, what=what, at=now)

    def wishes(self) -> dict[tuple[str, str], Row]:
        """Return at, answered_at (None: it waits), ok and said (a list of texts) by connection and what."""
        rows = [dict(r) for r in self.db.run("wishes")]
        return {(r["connection"], r["what"]): {**r, "ok": bool(r["ok"]), "said": json.loads(r["said"])} for r in rows}

    def take_wish(self, connection: str, now: int, lease_ms: int) -> str | None:
        """Return what is wished of a connection, if anything is; nobody else gets it before the lease ends."""
        with self.db.transaction(durable=False):
            rows = self.db.run("take_wish", connection=connection, now=now, until=now + lease_ms)
        return str(rows[0]["what"]) if rows else None

    def answer_wish(self, connection: str, what: str, now: int, *, ok: bool, said: Sequence[str]) -> None:
        """Keep what came of a wish, also of one that nobody has uttered. said: for people; no secret."""
        with self.db.transaction():
            self.db.run("answer_wish", connection=connection, what=what, at=now, ok=int(ok), said=to_json(list(said)))

    def want_sweep(self, connection: str, deed: Deed | None = None) -> None:
        """Have a connection swept as soon as a worker notices."""
        with self.db.transaction():
            self.note(deed)
            self.db.run("want_sweep", connection=connection)

    def sweep_wanted(self, connection: str, now: int) -> bool:
        """Tell whether a connection has to be swept now: never was, or somebody wants it; not while it is paused."""
        return bool(self.db.run("sweep_wanted", connection=connection, now=now))
