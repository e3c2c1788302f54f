"""What people did."""

from __future__ import annotations

from datetime import datetime

from bridge.desk import Desk, Page, Value, moment
from bridge.store.audit import LAST


class Done(Value):
    """One thing that somebody did. who: the name of a token, or `command line`. detail: the rest, in words."""

    id: str
    at: datetime
    who: str
    deed: str
    target: str
    detail: str


def page(desk: Desk, cursor: str | None = None, limit: int = 50) -> Page[Done]:
    """Return what people did, newest first."""
    rows = desk.store.deeds(limit + 1, cursor or LAST)
    items = [Done(**{**row, "at": moment(row["at"])}) for row in rows[:limit]]
    return Page[Done](items=items, next=items[-1].id if len(rows) > limit else None)
