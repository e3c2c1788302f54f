"""Why a deal is as it is: each field of a link with how it came to be, and its whole history in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bridge.core import speech
from bridge.core import timeline as lines
from bridge.core.history import Row, retrace
from bridge.core.model import Canonical, Kind, Link, Ref
from bridge.core.rules import Rules
from bridge.core.speech import Known
from bridge.core.story import FieldStory, SideStory, State, tell
from bridge.core.timeline import Tone
from bridge.desk import Desk, Refused, Value, moment
from bridge.sides import PARTIES, Sides

ATTEMPTS = 10


class Record(Value):
    """A record of the link. gone: reads find nothing there."""

    connection: str
    vendor: str
    id: str
    gone: bool


class Side(Value):
    """
    How one side stands to a field. said: in words. cure: what a person does when it waits, else "".

    behind: it does not reflect the value yet. shows: what the CRM was last seen to show, None where it was never read.
    differs: that says something else.
    """

    connection: str
    state: State
    said: str
    cure: str
    at: datetime | None
    behind: bool
    shows: str | None
    differs: bool


class Lost(Value):
    """An edit that did not win."""

    at: datetime
    said: str


class Field(Value):
    """
    One field. shown: its value as people read it. by, at, delivery: who set it, None while nobody has edited it since
    it was linked. said: how it came to be. held: why nothing is written now, "" when that is not so.
    """

    name: str
    label: str
    value: Canonical
    shown: str
    version: int
    by: str | None
    at: datetime | None
    delivery: str
    said: str
    held: str
    sides: Sequence[Side]
    lost: Sequence[Lost]


class Happened(Value):
    """One line of the history. field: "" when it concerns the whole record. delivery: of the webhook that was heard."""

    at: datetime
    sentence: str
    tone: Tone
    what: str
    connection: str
    field: str
    delivery: str


class Tried(Value):
    """One of the last attempts. cause: the delivery, or the word, that asked for it."""

    at: datetime
    connection: str
    cause: str
    outcome: str
    reason: str
    detail: str
    ms: int


class Wait(Value):
    """What waits for a person on one side. field: "" when it is the whole record. label: what people call it."""

    connection: str
    field: str
    label: str
    said: str
    cure: str
    since: datetime


class Trouble(Value):
    """A side whose calls fail, and are tried again by themselves. said: how the last one did. tries: in a row."""

    connection: str
    said: str
    tries: int
    since: datetime


class Story(Value):
    """A link. waits: what a person has to see to; troubles: what passes. attempts: the last ones, newest first."""

    link: str
    kind: Kind
    name: str
    records: Sequence[Record]
    fields: Sequence[Field]
    waits: Sequence[Wait]
    troubles: Sequence[Trouble]
    timeline: Sequence[Happened]
    attempts: Sequence[Tried]


def link_of(desk: Desk, connection: str, vendor_id: str) -> str:
    """Return the link of a deal that a CRM knows by this id or code; raises Refused."""
    found = desk.store.find(desk.known(connection), vendor_id)
    if found is None:
        raise Refused("unknown", f"{connection}:{vendor_id} is not linked", "`bridge link list` shows what is")
    return found


def explain(desk: Desk, link: str, field: str | None = None) -> Story:
    """Return the story of a link, or of one field of it; raises Refused."""
    journal, copy = desk.store.journal(link), desk.store.peek(link)
    if not journal and not copy.sides:
        raise Refused("unknown", f"no link {link}", "search for the deal by its name or by an id that a CRM shows")
    troubles = [_trouble(row) for row in desk.store.troubles(link)]
    known, order = _known(desk, copy, journal, troubles), {c: i for i, c in enumerate(desk.connections)}
    refs = sorted((s.ref for s in copy), key=lambda r: order.get(r.connection, len(order)))
    fields = tell(journal, refs, known)
    if field is not None and field not in {f.name for f in fields}:
        there = ", ".join(f.name for f in fields) or "none yet"
        raise Refused("unknown", f"this link has no field {field!r}", f"its fields: {there}")
    rules = Sides(desk.store, desk.connections, desk.settings.policies).rules(copy, desk.now())
    return Story(
        link=link,
        kind=refs[0].kind if refs else "opportunity",
        name=str(next((f.value for f in fields if f.name == "name"), None) or ""),
        records=[_record(desk, copy, ref) for ref in refs],
        fields=[_field(f, copy, rules, known) for f in fields if field in (None, f.name)],
        waits=[w for w in _waits(journal, known) if field in (None, w.field) or not w.field],
        troubles=troubles,
        timeline=[Happened(**{**asdict(e), "at": moment(e.at)}) for e in lines.timeline(journal, known, field)],
        attempts=_attempts(desk, link) if field is None else (),
    )


def _known(desk: Desk, link: Link, journal: Sequence[Row], troubles: Sequence[Trouble]) -> Known:
    """Return what is set up now, with the lists' labels and the contacts and accounts that are spoken of."""
    labels = {(r["connection"], r["field"], r["native"]): r["label"] for r in desk.store.lists()}
    now = desk.now()
    paused = {c: row["why"] for c, row in desk.store.connections().items() if row["paused_until"] > now}
    spoken = [v for e in journal if e["field"] in PARTIES for v in (e["old"], e["new"]) if e["what"] != "waits"]
    spoken += [hub.value for name, hub in link.hubs.items() if name in PARTIES]
    parties = {v: " = ".join(map(str, desk.store.refs(v))) for v in spoken if isinstance(v, str)}
    named = {link: ids for link, ids in parties.items() if ids}  # all that the bridge knows of them
    failing = {t.connection: t.said for t in troubles}
    return Known(desk.fields(), labels, named, paused, desk.settings.policies, failing)


def _trouble(row: Mapping[str, Any]) -> Trouble:
    said = ": ".join(filter(None, (row["reason"].replace("_", " "), row["detail"])))
    return Trouble(connection=row["connection"], said=said, tries=row["fails"], since=moment(row["since"]))


def _record(desk: Desk, link: Link, ref: Ref) -> Record:
    known = desk.connections.get(ref.connection)
    vendor = known.connector.vendor if known else ""
    return Record(connection=ref.connection, vendor=vendor, id=ref.vendor_id, gone=link.sides[ref.connection].gone)


def _field(f: FieldStory, link: Link, rules: Rules, known: Known) -> Field:
    sides = [_side(s, f, link, rules, known) for s in f.sides]
    lost = [Lost(at=moment(at), said=said) for at, said in f.lost]
    return Field(**{**vars(f), "at": moment(f.at), "sides": sides, "lost": lost})


def _side(s: SideStory, f: FieldStory, link: Link, rules: Rules, known: Known) -> Side:
    side, mine = link.sides[s.connection], rules.sides.get(s.connection)
    shadow = side.shadows.get(f.name)
    if shadow is None or mine is None or f.name not in mine.fields:
        return Side(**{**vars(s), "at": moment(s.at), "shows": None, "differs": False})
    shows = speech.native(known, s.connection, f.name, shadow.native)
    differs = not mine.agrees(f.name, f.value, shadow.native)
    return Side(**{**vars(s), "at": moment(s.at), "shows": shows, "differs": differs})


def _waits(journal: Sequence[Row], known: Known) -> Iterator[Wait]:
    for (connection, name), e in sorted(retrace(journal).waits.items()):
        said, cure = lines.waiting(known, e)
        label = speech.label(name)
        yield Wait(connection=connection, field=name, label=label, said=said, cure=cure, since=moment(e["at"]))


def _attempts(desk: Desk, link: str) -> list[Tried]:
    rows = desk.store.attempts(link, ATTEMPTS)
    return [Tried(**{k: r[k] for k in Tried.model_fields if k != "at"}, at=moment(r["at"])) for r in rows]
