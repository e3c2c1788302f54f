"""What a person decides: whose value stands where sides disagree, or where automations answer each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bridge.core.merge import Merge
from bridge.core.model import Canonical, Link, Native
from bridge.core.rules import Rules
from bridge.desk import Desk, Refused, Value, moment
from bridge.sides import Sides
from bridge.store import Fenced


class Stand(Value):
    """
    What one side was last seen to show. value: what that means, None for none. at: when that was noticed. current:
    whether it is what the bridge holds the field to be.
    """

    connection: str
    native: Native
    value: Canonical
    at: datetime
    current: bool


def stands(desk: Desk, link: str, field: str) -> Sequence[Stand]:
    """Return what each side shows of a field; gone ones and those that have none are left out."""
    at = desk.store.peek(link)
    return _stands(at, _rules(desk, at), field)


def decide(desk: Desk, who: str, link: str, field: str, connection: str) -> Stand:
    """
    Let the value of one side stand in a field that is held; the others follow. Return what stands now.

    Whoever works on the link is fenced meanwhile, and begins anew. Raises Refused when the field is not held, or the
    side shows none.
    """
    _chosen(desk, desk.store.peek(link), field, connection)  # before somebody is fenced for nothing
    claim = desk.store.seize(link, who, desk.now())
    if claim is None:
        raise Refused("unknown", f"no link {link}")
    try:
        at, now = desk.store.load(claim), desk.now()
        rules, chosen = _chosen(desk, at, field, connection)
        merge = Merge(at, rules, now, "decided")
        merge.decide(field, connection, who)
        deed = desk.deed(who, "decided", link, f"{field}: {connection}'s value stands")
        desk.store.save(claim, at, now, effects=merge.effects, deed=deed)
    except Fenced:
        raise Refused("stale", f"somebody else changes link {link} at this moment", "look at it again") from None
    finally:
        desk.store.hand_back(claim)
    return chosen


def _chosen(desk: Desk, at: Link, field: str, connection: str) -> tuple[Rules, Stand]:
    """Return what a side shows of a held field, and the rules of the link; raises Refused."""
    rules, hub = _rules(desk, at), at.hubs.get(field)
    if hub is None:
        raise Refused("unknown", f"link {at.id} has no {field!r}")
    if (hub.held_until or 0) <= desk.now():
        raise Refused("stale", f"{field} is not held any more", "look at the deal again")
    known = {s.connection: s for s in _stands(at, rules, field)}
    if connection not in known:
        raise Refused("invalid", f"{connection!r} shows no {field}", f"it is one of {', '.join(known)}")
    return rules, known[connection]


def _rules(desk: Desk, at: Link) -> Rules:
    return Sides(desk.store, desk.connections, desk.settings.policies).rules(at, desk.now())


def _stands(at: Link, rules: Rules, field: str) -> list[Stand]:
    found = []
    for side in at:
        mine, sh = rules.sides.get(side.ref.connection), side.shadows.get(field)
        if mine is None or sh is None or side.gone or not mine.understands(field, sh.native):
            continue
        same = mine.agrees(field, at.hubs[field].value, sh.native)
        value = mine.decode(field, sh.native)
        found.append(
            Stand(connection=side.ref.connection, native=sh.native, value=value, at=moment(sh.moved_at), current=same)
        )
    return found
