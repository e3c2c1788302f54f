"""The webhooks that came in: what they led to, and how to handle them again. Their bodies are never shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from bridge.core.model import FOREVER
from bridge.desk import Desk, Page, Refused, Value, epoch_ms, moment
from bridge.desk.attempts import Attempt, attempt
from bridge.store.audit import LAST
from bridge.store.rows import Row

BATCH, READ = 500, 20_000  # so many are changed, or found, at once
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
    """A delivery with all that it led to, oldest first. What it was merged into is told of the first of them."""

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
    found = _rows(desk, which or Which(), n + 1, after)
    return Page(items=[_delivery(r) for r in found[:n]], next=found[n - 1]["id"] if len(found) > n else None)


def one(desk: Desk, delivery: str) -> Told:
    """Return a delivery with what it led to; raises Refused when there is none of that id."""
    row = _known(desk, delivery)
    attempts, writes = desk.store.caused_by(delivery)
    return Told(
        **_delivery(row).model_dump(),
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
    return len(_ids(desk, which))


def replay_many(desk: Desk, who: str, which: Which, progress: Callable[[int], None] = lambda n: None) -> int:
    """Handle these deliveries again, the oldest first; return how many. progress: told how many so far."""
    ids, done = _ids(desk, which)[::-1], 0
    words = ", ".join(f"{k} {v}" for k, v in which.model_dump(mode="json").items() if v) or "all"
    for first in range(0, len(ids), BATCH):
        batch = ids[first : first + BATCH]
        deed = desk.deed(who, "deliveries replayed", words, f"{len(batch)} of {len(ids)}")
        done += desk.store.replay_deliveries(batch, deed)
        progress(done)
    return done


def _known(desk: Desk, delivery: str) -> Row:
    row = desk.store.one_delivery(delivery)
    if row is None:
        raise Refused("unknown", f"no delivery {delivery}", "it may be older than deliveries are kept")
    return row


def _ids(desk: Desk, which: Which) -> list[str]:
    """Return the ids of these deliveries as they are now, newest first."""
    ids: list[str] = []
    while found := _rows(desk, which, READ, ids[-1] if ids else ""):
        ids += [r["id"] for r in found]
    return ids


def _rows(desk: Desk, which: Which, n: int, after: str) -> list[Row]:
    return desk.store.page_of_deliveries(
        n,
        after or LAST,
        connection=which.connection,
        state=which.state or "",
        outcome=which.outcome,
        link=which.link,
        since=epoch_ms(which.since, 0),
        until=epoch_ms(which.until, FOREVER),
    )


def _delivery(row: Row) -> Delivery:
    return Delivery(**{**row, "at": moment(row["at"])})
