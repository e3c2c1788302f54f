"""What waits for a person: why, since when, which deals, and the cure as something to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from bridge.core.fields import scope_of
from bridge.core.model import FOREVER, HoldKind
from bridge.core.rules import UNKNOWN
from bridge.desk import Desk, Page, Refused, Value, moment
from bridge.desk.choices import fitting_use, put
from bridge.desk.decisions import Stand, decide, stands
from bridge.store.rows import Row, to_json
from bridge.store.work import FIRST_HOLD, HoldKey

Action = Literal["add_choice", "link", "decide", "replay", "edit_there", "report"]
ACTIONS: dict[HoldKind, Action] = {
    "choice": "add_choice",
    "meaning": "add_choice",
    "link": "link",
    "conflict": "decide",
    "argument": "decide",
    "refused": "replay",
    "defect": "report",
}
SAMPLE = 5
GONE = Refused("unknown", "nothing is held there", "it may have been seen to: look at the holds again")


class Cure(Value):
    """
    What to do, in words and as an action. add_choice: a choice at `connection` for `field`, for a canonical value that
    has no native one there or a native value that nobody has explained; scope: the native pipeline that it has to be
    in. link: give the contact or account `native` of `connection` a record at `to`. decide: one of `sides` stands.
    replay: the dead letter `write`, "" when there is none. edit_there: by hand, at `connection`. report: to who makes
    the bridge.
    """

    action: Action
    says: str
    connection: str
    field: str = ""
    canonical: str = ""
    native: str = ""
    scope: str = ""
    to: str = ""
    write: str = ""
    sides: Sequence[Stand] = ()


class Held(Value):
    """
    One field of one deal that waits at one connection. field: "" when all of that side does. deal: its name. kind: why,
    for machines.
    """

    link: str
    deal: str
    connection: str
    field: str
    kind: HoldKind
    reason: str
    since: datetime
    cure: Cure


class Group(Value):
    """
    All deals that wait for one and the same thing. connection: "" where one cure is for all sides of a deal.
    since: the first of them. sample: the first few.
    """

    connection: str
    field: str
    kind: HoldKind
    reason: str
    since: datetime
    deals: int
    cure: Cure
    sample: Sequence[Held]


class Which(Value):
    """Which holds; what is left out takes all. reason: word by word."""

    connection: str = ""
    field: str = ""
    kind: HoldKind = ""
    link: str = ""
    reason: str = ""


class Cured(Value):
    """What was done about a hold. says: in a sentence, with what else to see to."""

    action: Action
    says: str


def page(desk: Desk, which: Which | None = None, *, after: str = "", n: int = 50) -> Page[Held]:
    """Return holds, the oldest first; raises Refused when `after` is none of its cursors."""
    rows = desk.store.page_of_holds(n + 1, _key_of(after), **(which or Which()).model_dump())
    return Page(items=[_held(desk, r) for r in rows[:n]], next=_cursor(rows[n - 1]) if len(rows) > n else None)


def groups(desk: Desk, which: Which | None = None) -> Sequence[Group]:
    """Return what waits, by what it waits for, the oldest first. link and reason of the filter are not looked at."""
    which, found = which or Which(), []
    for g in desk.store.groups_of_holds(connection=which.connection, field=which.field, kind=which.kind):
        same = {k: g[k] for k in ("connection", "field", "kind", "reason")}
        rows = desk.store.page_of_holds(SAMPLE * len(desk.connections), **same)
        one_each = {r["link"]: r for r in reversed(rows)}  # the first of each deal
        sample = [_held(desk, r) for r in list(one_each.values())[::-1][:SAMPLE]]
        if sample:
            group = {**same, "since": moment(g["since"]), "deals": g["deals"]}
            found.append(Group(**group, cure=sample[0].cure, sample=sample))
    return found


def one(desk: Desk, link: str, connection: str, field: str = "") -> Held:
    """Return one hold; raises Refused when there is none."""
    row = desk.store.one_hold(link, connection, field)
    if row is None:
        raise GONE
    return _held(desk, row)


def cure(desk: Desk, who: str, link: str, connection: str, field: str = "", value: str = "") -> Cured:
    """
    Do what cures a hold; the deal goes on by itself. Raises Refused when there is none, or a value is missing.

    value: for add_choice what is missing, the native or the canonical value; for decide whose value stands.
    """
    held = one(desk, link, connection, field)
    todo = held.cure
    if todo.action == "add_choice":
        return Cured(action=todo.action, says=_add_choice(desk, who, todo, value))
    if todo.action == "decide":
        stood = decide(desk, who, link, field, value)
        return Cured(action=todo.action, says=f"{stood.connection}'s {field} stands, the others follow")
    if todo.action == "link":
        what = f"{todo.connection}:{todo.native}" if todo.native else f"link {todo.canonical}"
        raise Refused("invalid", f"the {field} has no record at {todo.to}", f"link {what} with its record at {todo.to}")
    target = f"{link} {connection} {field}".rstrip()
    if todo.action == "replay":
        deed = desk.deed(who, "hold replayed", target, held.reason)
        desk.store.replay_side(link, connection, desk.now(), deed)
        return Cured(action=todo.action, says=f"what {connection} refused is tried again")
    desk.store.look_again(link, connection, desk.now(), desk.deed(who, "hold looked at again", target, held.reason))
    return Cured(action=todo.action, says=f"the deal is looked at again at {connection}")


def _add_choice(desk: Desk, who: str, todo: Cure, value: str) -> str:
    if not value:
        missing = "native" if todo.canonical else "canonical"
        raise Refused("invalid", f"the {missing} value is missing", f"say which one; {todo.says}")
    native, canonical = (value, todo.canonical) if todo.canonical else (todo.native, value)
    use = fitting_use(desk, todo.connection, todo.field, native, canonical)
    made = put(desk, who, todo.connection, todo.field, native, canonical, use)
    return ". ".join((f"{todo.connection} {todo.field} {native!r} means {canonical!r} now", *made.remarks))


def _held(desk: Desk, row: Row) -> Held:
    deal = str(row["name"]) if row["name"] is not None else ""
    same = {k: row[k] for k in ("link", "connection", "field", "kind", "reason")}
    return Held(**same, deal=deal, since=moment(row["since"]), cure=_cure(desk, row))


def _cure(desk: Desk, row: Row) -> Cure:
    action = ACTIONS.get(row["kind"], "edit_there")
    made: dict[str, Any] = {"action": action, "says": row["cure"], "connection": row["connection"]}
    made |= {"field": row["field"]}
    if action in ("add_choice", "link"):
        made |= _missing(row)
    elif action == "decide":
        made["sides"] = stands(desk, row["link"], row["field"])
    elif action == "replay":
        letters = desk.store.page_of_dead(1, link=row["link"], connection=row["connection"], reason=row["reason"])
        made["write"] = letters[0]["id"] if letters else ""
    elif row["kind"] == "value" and row["origin"]:
        made["connection"] = row["origin"]
    return Cure(**made)


def _missing(row: Row) -> dict[str, str]:
    """Return which value has no counterpart, and where: it is the hub's, or one that was never understood."""
    value = "" if row["value"] is None else str(row["value"])
    if not value.startswith(UNKNOWN):
        scope = scope_of(row["reason"]) if row["kind"] == "choice" else ""
        return {"canonical": value, "scope": scope, "to": row["connection"] if row["kind"] == "link" else ""}
    connection, _, native = value.removeprefix(UNKNOWN).partition(":")
    if row["kind"] == "link":
        says = f"link {row['field']} {native!r} of {connection} with its record at {row['connection']}"
        return {"connection": connection, "native": native, "to": row["connection"], "says": says}
    return {
        "connection": connection,
        "native": native,
        "says": f"say what {row['field']} {native!r} of {connection} means",
    }


def _cursor(row: Row) -> str:
    return to_json([row[k] for k in ("since", "link", "connection", "field")])


def _key_of(cursor: str) -> HoldKey:
    if not cursor:
        return FIRST_HOLD
    try:
        since, link, connection, field = json.loads(cursor)
        key = int(since), str(link), str(connection), str(field)
        if not (0 <= key[0] <= FOREVER and "".join(key[1:]).isprintable()):
            raise ValueError
        return key
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Refused("invalid", f"{cursor!r} is no cursor", "take `next` of the page before") from None
