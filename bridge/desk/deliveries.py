"""The webhooks that came in: what they led to, and how to handle them again. Their bodies are never shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from bridge.core.model import FOREVER
from bridge.desk import Desk, Page, Refused, Value, epoch_ms, many, moment
from bridge.desk.attempts import Attempt, attempt
from bridge.store.rows import Row

State = Literal["waiting", "looking", "done"]


class Delivery(Value):
    """
    One webhook as it was accepted. size: bytes of its body. state: `waiting` to be understood, `looking` at what it
    names, `done`. outcome: what came of it; `dead: …` when nothing will by itself.
    """

    id: str
    connection: str
    at: datetime
    method: str
    content_type: str
    size: int
    state: State
    outcome: str


class Written(Value):
    """
    A write that a delivery led to. state: `open`, `done`, `refused` and planned anew, `dead`, `replayed`, `discarded`.
    """

    id: str
    link: str
    connection: str
    at: datetime
    state: str
    fields: Sequence[str]
    detail: str


class Told(Delivery):
    """
    A delivery with all that it led to, oldest first. link: where it came with another, which is told what came of both;
    "" where it did not.
    """

    link: str
    attempts: Sequence[Attempt]
    writes: Sequence[Written]


class Which(Value):
    """Which deliveries; what is left out takes all. outcome: how it begins. link: led to it. until: excluded."""

    connection: str = ""
    state: State | None = None
    outcome: str = ""
    link: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(desk: Desk, which: Which | None = None, *, after: str = "", n: int = 50) -> Page[Delivery]:
    """Return deliveries, newest first."""
    return many.page(_found(desk, which or Which()), after, n, _delivery)


def one(desk: Desk, delivery: str) -> Told:
    """Return a delivery with what it led to; raises Refused when there is none of that id."""
    row = _known(desk, delivery)
    attempts, writes = desk.store.caused_by(delivery)
    return Told(
        **{**row, "at": moment(row["at"])},
        attempts=[attempt(r) for r in attempts],
        writes=[
            Written(
                id=w["id"],
                link=w["link"],
                connection=w["connection"],
                at=moment(w["at"]),
                state=w["state"],
                fields=sorted(w["patch"]),
                detail=w["detail"],
            )
            for w in writes
        ],
    )


def replay(desk: Desk, who: str, delivery: str) -> None:
    """Handle a stored delivery again. It is always safe: what is already level stays as it is. Raises Refused."""
    row = _known(desk, delivery)
    desk.store.replay_deliveries([delivery], desk.deed(who, "delivery replayed", delivery, row["connection"]))


def count(desk: Desk, which: Which) -> int:
    """Return how many deliveries there are of these now."""
    return len(many.ids(_found(desk, which)))


def replay_many(desk: Desk, who: str, which: Which, progress: Callable[[int], None] = lambda n: None) -> int:
    """Handle these deliveries again, the oldest first; return how many. progress: told how many so far."""
    return many.change(
        desk, who, "deliveries replayed", which, _found(desk, which), desk.store.replay_deliveries, progress
    )


def _known(desk: Desk, delivery: str) -> Row:
    row = desk.store.one_delivery(delivery)
    if row is None:
        raise Refused("unknown", f"no delivery {delivery}", "it may be older than deliveries are kept")
    return row


def _found(desk: Desk, which: Which) -> many.Find:
    def find(n: int, before: str) -> list[Row]:
        return desk.store.page_of_deliveries(
            n,
            before,
            connection=which.connection,
            state=which.state or "",
            outcome=which.outcome,
            link=which.link,
            since=epoch_ms(which.since, 0),
            until=epoch_ms(which.until, FOREVER),
        )

    return find


def _delivery(row: Row) -> Delivery:
    return Delivery(**{**row, "at": moment(row["at"])})
