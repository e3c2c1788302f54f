"""A link told by field, from its journal alone: who set it, when, why it won, where it went, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.core.history import History, Past, Row, Stand, retrace
from bridge.core.model import Canonical, Effects, Link, Record, Ref
from bridge.core.speech import Known, canonical, in_order, label, native
from bridge.core.timeline import WON, because, lost, rule, waiting

State = Literal[
    "origin", "level", "written", "not written", "differs", "waits", "due", "in doubt", "gone", "none", "unseen"
]


@dataclass(frozen=True)
class SideStory:
    """
    How one side stands to one field. said: the same in words. cure: what a person does when it waits.

    behind: it does not reflect the hub yet.
    """

    connection: str
    state: State
    said: str
    cure: str = ""
    at: int | None = None
    behind: bool = False


@dataclass(frozen=True)
class FieldStory:
    """
    One field of a link. shown: its value as people read it. by: the connection that set it, None while nobody has
    edited it since it was linked; at, delivery: of that edit. said: how it came to be, in words. held: why nothing is
    written now. lost: edits that did not win, oldest first.
    """

    name: str
    label: str
    value: Canonical
    shown: str
    version: int
    by: str | None
    at: int | None
    delivery: str
    said: str
    held: str
    sides: Sequence[SideStory]
    lost: Sequence[tuple[int, str]]


def tell(journal: Sequence[Row], sides: Sequence[Ref], known: Known) -> list[FieldStory]:
    """
    Return the story of each field that has a value, in the order of the table, custom fields last.

    journal: of the store, oldest first. sides: the refs that are in the link now; a link
    without any has ended, and nothing of it has a value.
    """
    history = retrace(journal)
    names = in_order(name for name, past in history.fields.items() if past.version and sides)
    return [_field(history, name, sides, known) for name in names]


def _field(history: History, name: str, sides: Sequence[Ref], known: Known) -> FieldStory:
    past = history.fields[name]
    setting = past.setting
    return FieldStory(
        name,
        label(name),
        past.value,
        canonical(known, name, past.value),
        past.version,
        setting["connection"] if setting else None,
        setting["at"] if setting else None,
        setting["delivery"] if setting else "",
        _origin(known, name, past),
        f"nothing is written: {past.held['detail']}" if past.held else "",
        [_side(history, name, ref.connection, known) for ref in sides],
        [(e["at"], lost(known, e)) for e in past.lost],
    )


def _origin(known: Known, name: str, past: Past) -> str:
    e = past.setting
    if e is None:
        return f"as {past.origin} had it when it was linked; nobody has changed it since"
    if e["what"] == "decided":
        chosen = f"{e['detail']} decided that {e['connection']}'s value stands"
        return f"{chosen}; it replaced {canonical(known, name, e['old'])}"
    found = WON.fullmatch(e["detail"])
    by = f" by {found['who']}" if found and found["who"] else ""
    heard = f" ({because(e['delivery'])})" if because(e["delivery"]) else ""
    text = f"set in {e['connection']}{by}{heard}; it replaced {canonical(known, name, e['old'])}"
    if found and found["over"]:
        text += f", {found['over']}'s own edit: {rule(found['policy'], name, e['connection'])}"
    return text


def _side(history: History, name: str, connection: str, known: Known) -> SideStory:
    """Return how a side stands; the first reason that applies is the one that is told."""
    past, spec = history.fields[name], known.spec(name, connection)
    stand, behind = past.stands.get(connection, Stand()), past.behind(connection)
    if connection in history.gone:
        return SideStory(connection, "gone", "the record is not there any more", behind=behind)
    if spec is None:
        return SideStory(connection, "none", "has no such field", behind=behind)
    if wait := stand.waits or (_wait(history, name, connection) if behind or stand.base is None else None):
        said, cure = waiting(known, wait)
        return SideStory(connection, "waits", f"waits: {said}", cure, wait["at"], behind)
    if stand.base is None or stand.last is None:
        return SideStory(connection, "unseen", spec.unread or spec.readonly or "not read yet", behind=behind)
    if behind:
        return _due(past, stand.last, connection, known, name)
    return _level(known, name, stand.last, connection)


def _wait(history: History, name: str, connection: str) -> Row | None:
    return history.waits.get((connection, name)) or history.waits.get((connection, ""))


def _due(past: Past, last: Row, connection: str, known: Known, name: str) -> SideStory:
    if last["what"] == "in_doubt":
        sent = native(known, connection, name, last["new"])
        return SideStory(connection, "in doubt", f"sent as {sent}, and no answer came", "", last["at"], True)
    if known.policies.get(name) == "off":
        return SideStory(connection, "not written", "this field is not synced any more", behind=True)
    if connection in known.paused:
        return SideStory(
            connection, "due", f"is written when {connection} goes on: {known.paused[connection]}", behind=True
        )
    said = f"held: {past.held['detail']}" if past.held else "will be written"
    if not past.held and connection in known.troubles:
        said += f": it is tried again, because the last call failed: {known.troubles[connection]}"
    return SideStory(connection, "due", said, behind=True)


def _level(known: Known, name: str, e: Row, connection: str) -> SideStory:
    what, at = e["what"], e["at"]
    kept = native(known, connection, name, e["new"])
    if what in ("set", "decided", "first"):
        words = {"set": "set here", "decided": "its value was chosen", "first": "gave the first value"}[what]
        return SideStory(connection, "origin", words, at=at)
    if what in ("sent", "landed", "normalised"):
        return SideStory(
            connection, "written", WRITTEN[what].format(kept, f", {e['detail']}" if e["detail"] else ""), at=at
        )
    if what == "differs":
        said = f"was {canonical(known, name, e['new'])} when it was linked, and stays until somebody edits it"
        return SideStory(connection, "differs", said, at=at)
    if what == "not_sent":
        level = e["detail"] == "already says the same"
        said = "says the same already" if level else f"not written: {e['detail']}"
        return SideStory(connection, "level" if level else "not written", said, at=at)
    said = "the same edit was made here" if what == "settled_equal" else "said the same when it was linked"
    return SideStory(connection, "level", said, at=at)


WRITTEN: Mapping[str, str] = {
    "sent": "written as {}{}",
    "landed": "written as {}; a later read confirmed it{}",
    "normalised": "written, and kept as {}{}",
}


def outcome_of(effects: Effects, link: Link, versions: Mapping[str, int], seen: Record | None) -> str:
    """Return what a look found, in one label and the fields. versions: of the hub before it."""
    if seen is None:
        return "not there"
    changed = sorted(f for f, h in link.hubs.items() if f in versions and h.version > versions[f])
    if changed:
        return f"changed {', '.join(changed)}"
    kinds: Sequence[str] = [e.what for e in effects.journal]
    for what, words in (
        ("lost", "lost"),
        ("first", "first look"),
        ("settled_equal", "same edit"),
        ("normalised", "as stored"),
    ):
        if what in kinds:
            return words
    return "unsettled" if effects.unsettled else "echo"
