"""The journal of a link: what was decided, entry by entry, as it is kept."""

from __future__ import annotations

from datetime import datetime

from bridge.core.model import Canonical, Native
from bridge.desk import Desk, Page, Refused, Value, moment


class Noted(Value):
    """
    One entry. connection: of the side that it tells of. what: a word of the journal. old, new: values, canonical or as
    the CRM keeps them. version: of the hub, None when it tells of none. delivery: the webhook, or the word, that led to
    it.
    """

    id: str
    at: datetime
    connection: str
    field: str
    what: str
    old: Canonical | Native
    new: Canonical | Native
    version: int | None
    delivery: str
    detail: str


def page(desk: Desk, link: str, cursor: str = "", limit: int = 50) -> Page[Noted]:
    """Return the journal of a link, oldest first, also of one that has ended; raises Refused when there was none."""
    rows = desk.store.journal_page(link, limit + 1, cursor)
    if not rows and not cursor and desk.store.shown(link) is None:
        raise Refused("unknown", f"no link {link!r}", "search for one of its records")
    items = [Noted(**{**r, "at": moment(r["at"])}) for r in rows[:limit]]
    return Page(items=items, next=items[-1].id if len(rows) > limit else None)
