"""Links: which records are the same deal, contact or company."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

from bridge.core.model import Canonical, Kind, Ref
from bridge.desk import Desk, Page, Refused, Value, moment
from bridge.store import Taken
from bridge.store.audit import LAST
from bridge.store.links import Absent, Stale, etag
from bridge.store.searching import Shown, Wanted

KINDS: tuple[Kind, ...] = ("opportunity", "contact", "account")
PEOPLE_SAY: Mapping[Kind, str] = {"opportunity": "deals", "contact": "contacts", "account": "companies"}
TEXT_CHARS = 200


class LinkedRef(Value):
    """Where one record of a link lives. gone: reads find nothing there any more."""

    connection: str
    id: str
    gone: bool = False


class Linked(Value):
    """A link. name: what its deal is called, if that is known. held: something of it waits for a person."""

    id: str
    kind: Kind
    name: Canonical
    created_at: datetime
    refs: Sequence[LinkedRef]
    held: bool
    etag: str


class Made(Value):
    """What became of the wish that some records be one link."""

    verdict: Literal["created", "changed", "unchanged"]
    link: Linked


def page(
    desk: Desk,
    *,
    q: str = "",
    kind: str = "opportunity",
    connection: str = "",
    without: str = "",
    cursor: str | None = None,
    n: int = 50,
) -> Page[Linked]:
    """
    Return links, newest first.

    q: the id of a link, or any vendor's id or code; where there is none, a part of the deal's name. connection: only
    with a record there. without: only with none there.
    """
    for name in filter(None, (connection, without)):
        desk.known(name)
    wanted = Wanted(kind_of(kind), connection, without, _text(q.strip()))
    found = desk.store.search(wanted, n + 1, _text(cursor or LAST))
    return Page(items=[_linked(s) for s in found[:n]], next=found[n - 1].id if len(found) > n else None)


def get(desk: Desk, link: str) -> Linked:
    """Return one link; raises Refused."""
    if not link.isprintable() or (found := desk.store.shown(link)) is None:
        raise _absent(link)
    return _linked(found)


def find(desk: Desk, ref: Ref) -> Linked:
    """Return the link of a record, given by its id or code; raises Refused."""
    known = desk.store.known_refs(kept(desk, [ref]))
    return get(desk, next(iter(known.values()))[0])


def kept(desk: Desk, refs: Sequence[Ref]) -> list[Ref]:
    """Return linked records as their links keep them, also those that are named by a code; raises Refused."""
    known = desk.store.known_refs(refs)
    if strange := [str(r) for r in refs if r not in known]:
        raise Refused("unknown", f"not linked: {', '.join(strange)}", "search by name, or link it")
    return [known[r][1] for r in refs]


def named(desk: Desk, text: str, kind: str = "opportunity") -> Linked:
    """Return the link that an id names, or a record written like `getfly:CH1`; raises Refused."""
    return find(desk, ref_in(desk, text, kind)) if ":" in text else get(desk, _text(text.strip()))


def add(desk: Desk, refs: Sequence[Ref], who: str, etag: str | None = None) -> Made:
    """Make these records one link; with a known one among them, its link is extended. Repeating it is safe."""
    known = desk.store.known_refs(refs)
    links = sorted({link for link, _ in known.values()})
    if len(links) > 1:
        raise Refused("taken", f"these records are in {len(links)} different links: {', '.join(links)}", "merge them")
    there = {ref for _, ref in known.values()}
    wanted = list(dict.fromkeys(known[r][1] if r in known else r for r in refs))
    if len({r.connection for r in wanted}) < len(wanted):
        raise Refused("invalid", "a link holds one record of each connection", "name one of each")
    if len(wanted) < 2:
        raise Refused("invalid", "two records at least make a link")
    link = links[0] if links else None
    new = [r for r in wanted if r not in there]
    if link is not None and not new:
        return Made(verdict="unchanged", link=get(desk, link))
    deed = desk.deed(who, "link extended" if link else "link made", link or "", _told(new))
    with _refusing(desk, link, new):
        made = desk.store.link(new, desk.now(), link=link, expected=etag, deed=deed)
    return Made(verdict="changed" if link else "created", link=get(desk, made))


def add_ref(desk: Desk, link: str, ref: Ref, who: str, etag: str | None = None) -> Linked:
    """Bring one more record into a link. Nothing is written for that."""
    before = get(desk, link)
    if ref.kind != before.kind:
        raise Refused("invalid", f"link {link} is one of {PEOPLE_SAY[before.kind]}", "name a record of that kind")
    known = desk.store.known_refs([ref]).get(ref)
    if known is not None and known[0] == link and etag in (None, before.etag):
        return before
    with _refusing(desk, link, [ref]):
        if known is not None:
            raise Taken(str(ref))
        deed = desk.deed(who, "ref added", link, str(ref))
        desk.store.link([ref], desk.now(), link=link, expected=etag, deed=deed)
    return get(desk, link)


def remove_ref(desk: Desk, link: str, ref: Ref, who: str, etag: str | None = None) -> Linked | None:
    """Take a record out of a link; None: it was the last, and the link is gone. The records stay as they are."""
    with _refusing(desk, link, [ref]):
        left = desk.store.unlink(
            ref, link, desk.now(), expected=etag, deed=desk.deed(who, "ref removed", link, str(ref))
        )
    return get(desk, link) if left else None


def merge(desk: Desk, link: str, other: str, who: str, etag: str | None = None) -> Linked:
    """Bring the records of another link into a link; the other link ends. etag: of the first."""
    if link == other:
        raise Refused("invalid", "a link cannot be merged with itself", "name another one")
    one, two = get(desk, link), get(desk, other)
    if one.kind != two.kind:
        raise Refused(
            "taken", f"one is of {PEOPLE_SAY[one.kind]}, the other of {PEOPLE_SAY[two.kind]}", "merge links of one kind"
        )
    if both := sorted({r.connection for r in one.refs} & {r.connection for r in two.refs}):
        cure = "take one of the two out of its link first"
        raise Refused("taken", f"both links have a record at {', '.join(both)}", cure)
    with _refusing(desk, link, []):
        desk.store.merge(link, other, desk.now(), expected=etag, deed=desk.deed(who, "links merged", link, other))
    return get(desk, link)


def split(desk: Desk, link: str, refs: Sequence[Ref], who: str, etag: str | None = None) -> Linked:
    """Make a new link of some records of a link, and return it."""
    before, wanted = get(desk, link), list(dict.fromkeys(refs))
    if not 0 < len(wanted) < len(before.refs):
        raise Refused("invalid", "both links need a record", "name some of the link's records, not all")
    with _refusing(desk, link, wanted):
        deed = desk.deed(who, "link split", link, _told(wanted))
        new = desk.store.split(link, wanted, desk.now(), expected=etag, deed=deed)
    return get(desk, new)


def delete(desk: Desk, link: str, who: str, etag: str | None = None) -> None:
    """End a link. Its records stay as they are, and its history can still be read."""
    with _refusing(desk, link, []):
        desk.store.delete_link(link, desk.now(), expected=etag, deed=desk.deed(who, "link deleted", link))


def kind_of(text: str) -> Kind:
    """Return the kind that a text names; raises Refused."""
    if (kind := next((k for k in KINDS if k == text), None)) is None:
        raise Refused("invalid", f"kind is {text!r}", f"it is one of {', '.join(KINDS)}")
    return kind


def ref_of(desk: Desk, connection: str, vendor_id: str, kind: str = "opportunity") -> Ref:
    """Return where a record lives; raises Refused when that cannot be."""
    desk.known(connection)
    if not (vendor_id := _text(vendor_id.strip())):
        raise Refused("invalid", f"the id at {connection} is empty", "name the record's id as its CRM shows it")
    return Ref(connection, vendor_id, kind_of(kind))


def ref_in(desk: Desk, text: str, kind: str = "opportunity") -> Ref:
    """Return the record that a text like `getfly:CH1` names; raises Refused."""
    connection, colon, vendor_id = text.strip().partition(":")
    if not colon:
        raise Refused("invalid", f"{text!r} is not CONNECTION:ID", "write it like getfly:CH2055057")
    return ref_of(desk, connection, vendor_id, kind)


def _text(text: str) -> str:
    if len(text) > TEXT_CHARS or not text.isprintable():
        raise Refused("invalid", f"{text[:20]!r}… is too long, or holds characters that no id has")
    return text


def _linked(s: Shown) -> Linked:
    return Linked(
        id=s.id,
        kind=s.kind,
        name=s.name,
        created_at=moment(s.created_at),
        refs=[LinkedRef(connection=r.connection, id=r.vendor_id, gone=r.connection in s.gone) for r in s.refs],
        held=s.held,
        etag=etag(s.kind, s.refs),
    )


@contextmanager
def _refusing(desk: Desk, link: str | None, refs: Sequence[Ref]) -> Iterator[None]:
    """Say in words why the store does not do what is wanted with these refs."""
    if link is not None and not link.isprintable():
        raise _absent(link)
    try:
        yield
    except Absent as error:
        if link is not None and str(error) != link and desk.store.shown(link) is not None:
            raise Refused(
                "unknown", f"{error} is not in link {link}", f"`bridge link show {link}` shows what is"
            ) from None
        raise _absent(str(error)) from None
    except Stale:
        cure = "look at it as it is now, then decide again"
        raise Refused("stale", f"link {link} has changed since you looked at it", cure) from None
    except Taken:
        raise _taken(desk, link, refs) from None


def _absent(link: str) -> Refused:
    return Refused("unknown", f"no link {link!r}", "it may have been merged or deleted: search for one of its records")


def _taken(desk: Desk, link: str | None, refs: Sequence[Ref]) -> Refused:
    for ref, (other, _) in desk.store.known_refs(refs).items():
        return Refused("taken", f"{ref} is in link {other} already", "merge the two links, or take it out there first")
    there = {r.connection for r in desk.store.refs(link or "")} & {r.connection for r in refs}
    if there:
        detail = f"link {link} has another record at {', '.join(sorted(there))} already"
        return Refused("taken", detail, "take that one out first")
    return Refused("stale", "others have changed these links at this moment", "try again")


def _told(refs: Sequence[Ref]) -> str:
    return " ".join(map(str, refs))
