"""The journal of a link told by field: who set it, when, by which delivery, where it went, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.core.fields import FIELDS, Field
from bridge.core.model import Canonical, Effects, Hub, Link, Record, Side


@dataclass(frozen=True)
class SideStory:
    """How one side stands to one field. state: a word; detail: the reason, or what is kept there instead."""

    connection: str
    state: str
    detail: str = ""
    at: int | None = None


@dataclass(frozen=True)
class FieldStory:
    """
    One field of a link. by: the connection that set it, None while nobody has edited it since it was linked.

    lost: edits that did not win, oldest first: connection, value, when, why.
    """

    name: str
    value: Canonical
    version: int
    by: str | None
    at: int | None
    delivery: str
    detail: str
    sides: Sequence[SideStory]
    lost: Sequence[tuple[str, Canonical, int, str]] = field(default_factory=tuple)


def tell(
    link: Link,
    journal: Sequence[Mapping[str, Any]],
    holds: Sequence[Mapping[str, Any]],
    fields: Mapping[str, Mapping[str, Field]],
) -> list[FieldStory]:
    """
    Return the story of each field that has a value, in the order of the table, custom fields last.

    journal, holds: rows of the store, oldest first. fields: what each connection has, by canonical name.
    """
    order = {name: i for i, name in enumerate(FIELDS)}
    names = sorted(link.hubs, key=lambda n: (order.get(n, len(order)), n))
    return [_field(link, name, link.hubs[name], journal, holds, fields) for name in names]


def _field(
    link: Link,
    name: str,
    hub: Hub,
    journal: Sequence[Mapping[str, Any]],
    holds: Sequence[Mapping[str, Any]],
    fields: Mapping[str, Mapping[str, Field]],
) -> FieldStory:
    mine = [e for e in journal if e["field"] == name]
    setting = next((e for e in reversed(mine) if e["what"] == "set" and e["version"] == hub.version), None)
    held = {h["connection"]: h for h in holds if h["field"] in (name, "")}
    sides = [_side(s, name, hub, mine, held.get(s.ref.connection), fields.get(s.ref.connection, {})) for s in link]
    return FieldStory(
        name,
        hub.value,
        hub.version,
        setting["connection"] if setting else None,
        setting["at"] if setting else None,
        setting["delivery"] if setting else "",
        setting["detail"] if setting else "",
        sides,
        [(e["connection"], e["old"], e["at"], e["detail"]) for e in mine if e["what"] == "lost"],
    )


def _side(
    side: Side,
    name: str,
    hub: Hub,
    mine: Sequence[Mapping[str, Any]],
    hold: Mapping[str, Any] | None,
    fields: Mapping[str, Field],
) -> SideStory:
    connection = side.ref.connection
    here = [e for e in mine if e["connection"] == connection and (e["version"] or 0) >= hub.version]
    last = here[-1] if here else None
    if side.gone:
        return SideStory(connection, "gone", "the record is not there any more")
    if name not in fields:
        return SideStory(connection, "none", "has no such field")
    if hold is not None and (name not in side.shadows or side.shadows[name].base < hub.version):
        return SideStory(connection, "waits", f"{hold['reason']}: {hold['cure']}", hold["since"])
    if last is not None:
        return _by_entry(connection, last)
    if name not in side.shadows:
        return SideStory(connection, "unseen", fields[name].unread or fields[name].readonly or "not read yet")
    if side.shadows[name].base < hub.version:
        return SideStory(connection, "due", "will be written" if side.open is None else "sent, the answer is in doubt")
    return SideStory(connection, "level")


def _by_entry(connection: str, e: Mapping[str, Any]) -> SideStory:
    words = {
        "set": ("set", "changed here"),
        "first": ("first", "as it was when it was linked"),
        "differs": ("differs", f"showed {e['new']!r} when it was linked"),
        "sent": ("sent", ", ".join(filter(None, (f"written as {e['new']!r}", e["detail"])))),
        "landed": ("sent", f"written as {e['new']!r}, confirmed by a later read"),
        "normalised": ("sent", f"written; the vendor keeps it as {e['new']!r}"),
        "settled_equal": ("level", "the same edit was made here"),
        "not_sent": ("not sent", e["detail"]),
        "did_not_land": ("due", "a call without an answer did not land; it is written again"),
    }
    state, detail = words.get(e["what"], (e["what"], e["detail"]))
    return SideStory(connection, state, detail, e["at"])


def outcome_of(effects: Effects, link: Link, versions: Mapping[str, int], seen: Record | None) -> str:
    """Return what a look found, in one label and the fields. versions: of the hub before it."""
    if seen is None:
        return "not there"
    changed = sorted(f for f, h in link.hubs.items() if f in versions and h.version > versions[f])
    if changed:
        return f"changed {', '.join(changed)}"
    kinds: Sequence[str] = [e.what for e in effects.journal]
    for what, label in (
        ("lost", "lost"),
        ("first", "first look"),
        ("settled_equal", "same edit"),
        ("normalised", "as stored"),
    ):
        if what in kinds:
            return label
    return "unsettled" if effects.unsettled else "echo"
