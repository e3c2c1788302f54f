"""What people did."""

from __future__ import annotations

from datetime import datetime

from bridge.desk import Desk, Page, Value, many, moment


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
    return many.page(desk.store.deeds, cursor or "", limit, lambda r: Done(**{**r, "at": moment(r["at"])}))
