"""What the bridge has tried: each pass over one side of a deal."""

from __future__ import annotations

from datetime import datetime

from bridge.desk import Desk, Page, Value, epoch_ms, many, moment
from bridge.store.rows import Row


class Attempt(Value):
    """
    One pass over one side. cause: the delivery, or the word, that made us look. outcome: how it ended; reason, detail:
    why, when it failed. fails: how often in a row this side has failed. ms: how long it took.
    """

    id: str
    at: datetime
    link: str
    connection: str
    cause: str
    outcome: str
    reason: str
    detail: str
    fails: int
    ms: int


class Which(Value):
    """Which attempts; what is left out takes all. outcome: how it begins."""

    connection: str = ""
    outcome: str = ""
    link: str = ""
    since: datetime | None = None


def page(desk: Desk, which: Which | None = None, *, after: str = "", n: int = 50) -> Page[Attempt]:
    """Return attempts, newest first."""
    which = which or Which()

    def find(n: int, before: str) -> list[Row]:
        return desk.store.page_of_attempts(
            n,
            before,
            connection=which.connection,
            outcome=which.outcome,
            link=which.link,
            since=epoch_ms(which.since, 0),
        )

    return many.page(find, after, n, attempt)


def attempt(row: Row) -> Attempt:
    """Return what a row of the store says."""
    return Attempt(**{**row, "at": moment(row["at"])})
