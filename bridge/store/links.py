"""
Links as people make and mend them.

Whoever holds the lease of a link that is changed here is fenced: what it decided is thrown away, and what it may have
sent is looked at in doubt (R12). Unlike one that has died it may still be calling, for as long as its lease would last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bridge.core.merge import FIRST
from bridge.core.model import Kind, Ref, What
from bridge.store.audit import Deed
from bridge.store.engine import Engine, Taken
from bridge.store.rows import to_json

LEFT = "its record left the link: "
IN_DOUBT_MS = 3_600_000  # no call is under way for longer


class Absent(Exception):
    """There is no such link, or no such ref in it."""


class Stale(Exception):
    """The refs of the link are not those that the caller has seen."""


@dataclass(frozen=True)
class Joining:
    """Refs that come into a link. new: the link is made for them."""

    link: str
    refs: Sequence[Ref]
    new: bool


def etag(kind: Kind, refs: Iterable[Ref]) -> str:
    """Return what changes whenever the refs of a link do."""
    lines = [kind, *sorted(str(r) for r in refs)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


class Links:
    """
    Verbs of the store; each that changes something is one transaction.

    expected: the etag that the link must still have; None: whatever it has. They raise Absent, Stale, and Taken when a
    ref is in another link already, or two are of one connection.
    """

    db: Engine
    new_id: Callable[[], str]
    note: Callable[[Deed | None], None]

    def link(
        self,
        refs: Sequence[Ref],
        now: int,
        *,
        link: str | None = None,
        cause: str = "linked",
        expected: str | None = None,
        deed: Deed | None = None,
    ) -> str:
        """Make these refs one link, or add them to an existing one, and look at all of it; return the link's id."""
        with self.db.transaction():
            self.note(deed)
            if link is not None:
                self._locked(link, expected)
            joining = Joining(link or self.new_id(), refs, new=link is None)
            self._join([joining], now, cause)
        return joining.link

    def link_many(self, joining: Sequence[Joining], now: int, deed: Deed | None = None) -> None:
        """Make or extend many links at once."""
        with self.db.transaction():
            self.note(deed)
            for link in sorted(j.link for j in joining if not j.new):
                self._locked(link, None)
            self._join(joining, now, "linked")

    def unlink(self, ref: Ref, link: str, now: int, *, expected: str | None = None, deed: Deed | None = None) -> bool:
        """Take a ref out of a link; return whether any is left. The last one takes the link with it."""
        with self.db.transaction():
            self.note(deed)
            refs = self._locked(link, expected)
            if ref not in refs:
                raise Absent(str(ref))
            self._leave(link, [ref], now)
            if len(refs) == 1:
                self._end(link)
        return len(refs) > 1

    def split(
        self, link: str, refs: Sequence[Ref], now: int, *, expected: str | None = None, deed: Deed | None = None
    ) -> str:
        """Make a new link of some refs of a link, not of all, and return its id."""
        with self.db.transaction():
            self.note(deed)
            known = self._locked(link, expected)
            if strangers := set(refs) - set(known):
                raise Absent(", ".join(sorted(map(str, strangers))))
            assert 0 < len(refs) < len(known), "both links need a ref"
            new = self.new_id()
            self._leave(link, refs, now, move=True)
            self._join([Joining(new, refs, new=True)], now, "linked")
            self._move_looks(link, new, refs)
        return new

    def merge(
        self, link: str, other: str, now: int, *, expected: str | None = None, deed: Deed | None = None
    ) -> list[Ref]:
        """Bring the refs of another link of the same kind into a link, and return them; the other link ends."""
        with self.db.transaction():
            self.note(deed)
            known = {each: self._locked(each, expected if each == link else None) for each in sorted({link, other})}
            refs, kinds = known[other], {r.kind for each in known.values() for r in each}
            if len(kinds) > 1:
                raise Taken(f"one is of {' and one of '.join(sorted(kinds))}")
            self._leave(other, refs, now, move=True)
            self._join([Joining(link, refs, new=False)], now, "linked")
            self._move_looks(other, link, refs)
            self._end(other)
            if kinds != {"opportunity"}:
                self._rename_party(other, link, now)
        return refs

    def delete_link(self, link: str, now: int, *, expected: str | None = None, deed: Deed | None = None) -> None:
        """Take all refs out of a link and end it; its history stays."""
        with self.db.transaction():
            self.note(deed)
            self._leave(link, self._locked(link, expected), now)
            self._end(link)

    def refs(self, link: str) -> list[Ref]:
        """Return the refs of a link, by connection."""
        return [Ref(r["connection"], r["vendor_id"], r["kind"]) for r in self.db.run("refs_of_link", link=link)]

    def all_refs(self) -> list[tuple[str, Ref]]:
        """Return every ref with its link."""
        return [(r["link"], Ref(r["connection"], r["vendor_id"], r["kind"])) for r in self.db.run("refs")]

    def _locked(self, link: str, expected: str | None) -> list[Ref]:
        """Keep others from changing a link to the end of the transaction, and return its refs."""
        rows = self.db.run("lock_link", link=link)
        if not rows:
            raise Absent(link)
        refs = self.refs(link)
        if expected is not None and expected != etag(rows[0]["kind"], refs):
            raise Stale(link)
        return refs

    def _join(self, joining: Sequence[Joining], now: int, cause: str) -> None:
        """Add refs to links. They come as newly linked: a first look, and nothing is written for it."""
        made = [{"id": j.link, "kind": j.refs[0].kind, "at": now} for j in joining if j.new]
        self.db.insert("add_link", made)
        refs = [{**vars(r), "link": j.link, "linked_at": now} for j in joining for r in j.refs]
        self.db.insert("add_ref", refs)
        self._tell([(j.link, r) for j in joining for r in j.refs], "linked", now)
        self.fence_off([j.link for j in joining if not j.new], now)
        deals = [j for j in joining if j.refs[0].kind == "opportunity"]
        self._reopen(deals, now)
        look = {"at": now, "cause": cause}
        self.db.insert(
            "add_look", [{"link": j.link, "connection": r.connection, **look} for j in deals for r in j.refs]
        )
        self.db.many("look_at_all", [{"link": j.link, **look} for j in deals if not j.new])
        parties = {r.connection for j in joining for r in j.refs if r.kind != "opportunity"}
        for connection in sorted(parties):
            self.db.run("look_at_holds", connection=connection, at=now)

    def _leave(self, link: str, refs: Sequence[Ref], now: int, *, move: bool = False) -> None:
        """
        Take refs out of a link with all that is known of these sides, but their history; look at the others.

        move: they go into another link, and their looks with them.
        """
        keys = [{"link": link, "connection": r.connection} for r in refs]
        self.fence_off([link], now)
        self.db.many("leave_open_write", [{**k, "detail": _left(r)} for k, r in zip(keys, refs, strict=True)])
        self.db.many("leave_dead_writes", keys)
        if not move:
            self.db.many("leave_deliveries", keys)
            self.db.many("leave_looks", keys)
        for statement in ("leave_holds", "leave_formers", "leave_shadows", "leave_ref"):
            self.db.many(statement, keys)
        self._tell([(link, r) for r in refs], "unlinked", now)
        if refs[0].kind == "opportunity":
            self.db.run("look_at_all", link=link, at=now, cause="unlinked")

    def _move_looks(self, link: str, to: str, refs: Sequence[Ref]) -> None:
        keys = [{"link": link, "connection": r.connection} for r in refs]
        self.db.many("move_looks", [{**k, "to": to} for k in keys])
        self.db.many("leave_looks", keys)

    def _end(self, link: str) -> None:
        self.db.run("end_hubs", link=link)
        self.db.run("end_link", link=link)

    def fence_off(self, links: Sequence[str], now: int) -> None:
        """Void the leases of links, all of whose sides are looked at: what their workers may have sent is in doubt."""
        self.db.many("doubt_as_long_as_leased", [{"link": link} for link in links])
        self.db.many("void_lease", [{"link": link, "now": now} for link in links])

    def _reopen(self, joining: Sequence[Joining], now: int) -> None:
        """
        Have a write that was in doubt when its record left a link watched over again where the record comes in.

        Else what lands late would be taken for somebody's edit there. It brings no version: of that hub it knows none.
        """
        left = {r["detail"]: r for r in self.db.run("left_lately", since=now - IN_DOUBT_MS, detail=f"{LEFT}%")}
        for j in joining if left else ():
            for ref in j.refs:
                if (row := left.get(_left(ref))) is not None:
                    patch = {field: [value, FIRST] for field, (value, _) in json.loads(row["patch"]).items()}
                    self.db.run("reopen_write", id=row["id"], link=j.link, patch=to_json(patch))

    def _rename_party(self, old: str, new: str, now: int) -> None:
        """Let every deal of a contact or account name the link that it is in now."""
        rows = [dict(r) for r in self.db.run("deals_of_party", value=to_json(old))]
        deals = sorted({r["link"] for r in rows})
        self.fence_off(deals, now)
        told = {"what": "understood", "old": to_json(old), "new": to_json(new), "at": now, "delivery": "", "detail": ""}
        self.db.many("note", [{**r, **told, "id": self.new_id()} for r in rows])
        self.db.run("rename_party", old=to_json(old), new=to_json(new))
        self.db.many("look_at_all", [{"link": link, "at": now, "cause": "linked"} for link in deals])

    def _tell(self, refs: Sequence[tuple[str, Ref]], what: What, now: int) -> None:
        """Write into the journals of links which refs came or went."""
        nothing = {"field": "", "old": None, "new": None, "version": None, "delivery": ""}
        rows = [
            {"id": self.new_id(), "at": now, "link": link, "connection": r.connection, "what": what, **nothing}
            | {"detail": r.vendor_id}
            for link, r in refs
        ]
        self.db.insert("note", rows)


def _left(ref: Ref) -> str:
    return f"{LEFT}{ref}"
