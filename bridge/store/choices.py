"""What the values of the CRMs' lists mean, and what still waits for a meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bridge.core.fields import Words
from bridge.store.audit import Audit, Deed
from bridge.store.engine import Engine
from bridge.store.rows import Row, to_json

KEY = ("connection", "field", "native", "canonical")


class Stale(Exception):
    """What was to be changed is not any more what the caller has seen; nothing was changed."""


class Choices(Audit):
    """Verbs of the store. A choice is a row of KEY, `reads` and `writes` (0 or 1), and `scope`."""

    db: Engine
    _words: tuple[int, Mapping[str, Words]] | None = None

    def words(self) -> Mapping[str, Words]:
        """Return what the choices say, by connection; they are read again only when they have changed."""
        revision = sum(r["n"] for r in self.db.run("revision", name="choice"))
        if self._words is None or self._words[0] != revision:
            self._words = revision, self._read_words()
        return self._words[1]

    def _read_words(self) -> dict[str, Words]:
        meaning: dict[str, dict[tuple[str, str], str]] = {}
        says: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {}
        for r in self.db.run("choices"):
            if r["reads"]:
                meaning.setdefault(r["connection"], {})[r["field"], r["native"]] = r["canonical"]
            if r["writes"]:
                known = says.setdefault(r["connection"], {})
                known[r["field"], r["canonical"]] = (*known.get((r["field"], r["canonical"]), ()), r["native"])
        return {c: Words(meaning.get(c, {}), says.get(c, {})) for c in meaning.keys() | says.keys()}

    def choices(self) -> list[Row]:
        """Return every choice, by connection, field, canonical and native value."""
        return [dict(r) for r in self.db.run("choices")]

    def put_choices(
        self, choices: Sequence[Row], now: int, deed: Deed | None = None, *, seen: Row | None = None
    ) -> list[Row]:
        """
        Add or change choices, and look again at what they may cure; return what others lost to them: KEY and `lost`,
        `read` or `write`.

        seen: a choice in whose place these come; raises Stale when it is not like that any more.
        """
        lost: list[Row] = []
        with self.db.transaction():
            self.note(deed)
            self._drop(seen)
            for row in choices:
                key = {k: row[k] for k in KEY}
                if row["reads"]:
                    lost += [{**r, "lost": "read"} for r in map(dict, self.db.run("unread_choice", **key))]
                if row["writes"]:
                    written = self.db.run("unwrite_choice", **key, scope=row["scope"])
                    lost += [{**r, "lost": "write"} for r in map(dict, written)]
                self.db.run("put_choice", **row)
            self.db.run("drop_idle_choices")
            self.db.run("revise", name="choice")
            for connection in sorted({row["connection"] for row in choices}):
                self.db.run("look_at_holds", connection=connection, at=now)
        return lost

    def drop_choice(self, seen: Row, deed: Deed | None = None) -> None:
        """Forget a choice; raises Stale when it is not like that any more."""
        with self.db.transaction():
            self.note(deed)
            self._drop(seen)
            self.db.run("revise", name="choice")

    def _drop(self, seen: Row | None) -> None:
        if seen is not None and not self.db.run("drop_choice", **{k: v for k, v in seen.items() if k != "scope"}):
            raise Stale

    # what waits for one

    def unknown_values(self) -> list[Row]:
        """Return what deals show and nobody understood when it was read: field, `value` (`unknown:…`) and `deals`."""
        return [{**dict(r), "value": json.loads(r["value"])} for r in self.db.run("unknown_values")]

    def unsayable_values(self) -> list[Row]:
        """Return what cannot be written for want of a choice: connection, field, reason, `value` and `deals`."""
        return [{**dict(r), "value": json.loads(r["value"])} for r in self.db.run("unsayable_values")]

    def count_showing(self, connection: str, field: str, native: str) -> int:
        """Return how many deals show this native value at a connection."""
        both = {"text": to_json(native), "number": native}
        return int(self.db.run("count_showing", connection=connection, field=field, **both)[0]["deals"])
