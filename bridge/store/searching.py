"""Links as people search them, and as files bring and take them: some at a time, and no query for each."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bridge.core.model import Canonical, Kind, Ref
from bridge.store.audit import LAST
from bridge.store.engine import Engine
from bridge.store.rows import Row, to_json

PAGE_ROWS = 500
NAME_CHARS = 200  # of the name's JSON text: as much as its index holds
MARKED = "acdeinosuyz"  # letters whose marks people leave out; more of them would leave the engines little to go by
MARKS = re.compile(f"(?<=[{MARKED}])[\u0300-\u036f]+")


@dataclass(frozen=True)
class Shown:
    """A link with its refs. name: what its hub says. gone: connections where reads find nothing. held: it has holds."""

    id: str
    kind: Kind
    name: Canonical
    created_at: int
    refs: tuple[Ref, ...]
    gone: frozenset[str]
    held: bool


@dataclass(frozen=True)
class Wanted:
    """Which links to show. q: "" means all. connection: has a ref there; without: has none there; "" means any."""

    kind: Kind = "opportunity"
    connection: str = ""
    without: str = ""
    q: str = ""


class Searching:
    """Verbs of the store; none changes anything."""

    db: Engine

    def search(self, wanted: Wanted, n: int, before: str = LAST) -> list[Shown]:
        """
        Return up to `n` links, newest first, from before an id on.

        q: the id of a link, or any vendor's id or code. Where there is none, a part of the deal's name, whatever case,
        with or without the marks of its letters: `da nang` finds `Đà Nẵng`.
        """
        filters: Row = {"kind": wanted.kind, "connection": wanted.connection, "without": wanted.without}
        if not wanted.q:
            rows = self.db.run("links", **filters, before=before, n=n)
        elif not (rows := self.db.run("links_by_id", **filters, q=wanted.q, before=before, n=n)):
            rows = self._by_name(wanted.q, filters, n, before)
        return self._shown([r["id"] for r in rows])

    def shown(self, link: str) -> Shown | None:
        """Return one link, or None when there is none of that id."""
        return next(iter(self._shown([link])), None)

    def every_link(self) -> Iterator[Shown]:
        """Return each link of each kind, oldest first, reading some at a time."""
        after = ""
        while rows := self.db.run("links_after", after=after, n=PAGE_ROWS):
            yield from self._shown([r["id"] for r in rows])
            after = rows[-1]["id"]

    def known_refs(self, refs: Iterable[Ref]) -> dict[Ref, tuple[str, Ref]]:
        """Return those refs that are linked, under their ids or other ids: the link, and the ref as it is kept."""
        wanted = set(refs)
        found: dict[Ref, tuple[str, Ref]] = {}
        for r in self.db.run("known_refs", ids=to_json(sorted({w.vendor_id for w in wanted}))):
            named = Ref(r["connection"], r["known_as"], r["kind"])
            if named in wanted:
                found[named] = r["link"], Ref(r["connection"], r["vendor_id"], r["kind"])
        return found

    def refs_of(self, links: Iterable[str]) -> dict[str, list[Ref]]:
        """Return the refs of several links."""
        return {s.id: list(s.refs) for s in self._shown(sorted(set(links)))}

    def _by_name(self, q: str, filters: Row, n: int, before: str) -> list[Row]:
        """
        Search names. The engines fold the case of ASCII only, and no marks, so there every character that may have
        another form may be any; which of what they find has the name is said here.
        """
        part, found = _folded(to_json(q)[1:-1]), list[Row]()
        while len(found) < n:
            rows = self.db.run("links_by_name", **filters, pattern=_pattern(part), before=before, n=PAGE_ROWS)
            found += [r for r in rows if r["name"].startswith('"') and part in _folded(r["name"])]
            if len(rows) < PAGE_ROWS:
                break
            before = rows[-1]["id"]
        return found[:n]

    def _shown(self, links: Sequence[str]) -> list[Shown]:
        """Return those of some links that are there, in the same order."""
        sides: dict[str, list[Row]] = {}
        for r in self.db.run("show_links", ids=to_json(links)) if links else ():
            sides.setdefault(r["id"], []).append(r)
        return [_one(sides[link]) for link in links if link in sides]


def _one(sides: Sequence[Row]) -> Shown:
    first = sides[0]
    return Shown(
        first["id"],
        first["kind"],
        None if first["name"] is None else json.loads(first["name"]),
        first["created_at"],
        tuple(Ref(r["connection"], r["vendor_id"], r["kind"]) for r in sides),
        frozenset(r["connection"] for r in sides if r["gone"]),
        bool(first["held"]),
    )


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFD", text.casefold()).replace("đ", "d")
    return unicodedata.normalize("NFC", MARKS.sub("", apart))


def _pattern(part: str) -> str:
    """Return a LIKE pattern, with `!` to escape, that every text that has this folded part fits."""
    chars = (f"!{c}" if c in "!%_" else c if c.isascii() and c not in MARKED else "%" for c in part)
    return f"%{''.join(chars)}%"
