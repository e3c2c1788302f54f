"""Dead letters: what will not be tried again by itself, until a person replays it or lets it be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from bridge.core.model import FOREVER, Native
from bridge.desk import Desk, Page, Refused, Value, epoch_ms, many, moment
from bridge.store.rows import Row

REASON_MAX = 200


class Letter(Value):
    """
    A write that a CRM refused for good, or a delivery that nothing came of. link: of a write, "" of a delivery. state:
    `dead`, or what a person has made of it: `replayed`, `discarded`.
    """

    id: str
    kind: Literal["write", "delivery"]
    link: str
    connection: str
    at: datetime
    reason: str
    state: str = "dead"


class Wanted(Value):
    """A field of a write: what it was to become there, in the CRM's own words."""

    field: str
    native: Native


class Answer(Value):
    """The call that was refused, and what the CRM said; secrets are taken out. body: its first 2,000 characters."""

    method: str
    path: str
    status: int
    body: str


class Told(Letter):
    """A dead letter with its request and the answer; answer: None when there was none, or it was not kept."""

    cause: str = ""
    wanted: Sequence[Wanted] = ()
    also: Sequence[str] = ()
    answer: Answer | None = None


class Which(Value):
    """Which dead letters; what is left out takes all. reason: how it begins. until: excluded."""

    connection: str = ""
    link: str = ""
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(desk: Desk, which: Which | None = None, *, after: str = "", n: int = 50) -> Page[Letter]:
    """Return dead letters, newest first."""
    return many.page(_found(desk, which or Which()), after, n, lambda r: Letter(**{**r, "at": moment(r["at"])}))


def one(desk: Desk, letter: str) -> Told:
    """Return what is or was a dead letter with its request and the answer; raises Refused when there is none."""
    row = desk.store.one_write(letter)
    if row is not None and row["state"] in ("dead", "replayed", "discarded"):
        return Told(
            id=letter,
            kind="write",
            link=row["link"],
            connection=row["connection"],
            at=moment(row["at"]),
            reason=row["detail"],
            state=row["state"],
            cause=row["cause"],
            wanted=[Wanted(field=f, native=value) for f, (value, _) in sorted(row["patch"].items())],
            also=sorted(set(row["touched"]) - row["patch"].keys()),
            answer=Answer(**row["answer"]) if row["answer"] else None,
        )
    row = desk.store.one_delivery(letter)
    if row is None or not row["outcome"].startswith("dead: "):
        raise Refused("unknown", f"no dead letter {letter}", "it may have been replayed, or discarded")
    reason = row["outcome"].removeprefix("dead: ")
    return Told(id=letter, kind="delivery", link="", connection=row["connection"], at=moment(row["at"]), reason=reason)


def replay(desk: Desk, who: str, letter: str) -> None:
    """Try a dead letter again; raises Refused when it is none any more."""
    found = one(desk, letter)
    deed = desk.deed(who, "dead letter replayed", letter, found.connection)
    if not desk.store.replay_dead([letter], desk.now(), deed):
        raise Refused("stale", f"{letter} was {found.state} already", "there is nothing to try again")


def count(desk: Desk, which: Which) -> int:
    """Return how many dead letters there are of these now."""
    return len(many.ids(_found(desk, which)))


def replay_many(desk: Desk, who: str, which: Which, progress: Callable[[int], None] = lambda n: None) -> int:
    """Try these dead letters again, the oldest first; return how many. progress: told how many so far."""
    return many.change(
        desk,
        who,
        "dead letters replayed",
        which,
        _found(desk, which),
        lambda ids, deed: desk.store.replay_dead(ids, desk.now(), deed),
        progress,
    )


def discard(desk: Desk, who: str, letter: str, reason: str) -> None:
    """
    Let a dead letter be: it is not listed or held any more, and its values are not tried again there. Raises Refused.

    reason: for the audit log and the journal of the deal; another value of the field is written as ever.
    """
    why, found = reason.strip()[:REASON_MAX], one(desk, letter)
    if not why:
        raise Refused("invalid", "there is no reason", "say why it is discarded: it is kept in the deal's history")
    deed = desk.deed(who, "dead letter discarded", letter, why)
    if found.kind == "write":
        gone = desk.store.discard_write(letter, desk.now(), f"{who}: {why}", deed)
    else:
        gone = desk.store.discard_delivery(letter, f"discarded: {why}", deed)
    if not gone:
        raise Refused("stale", f"{letter} was {found.state} already", "there is nothing to discard")


def _found(desk: Desk, which: Which) -> many.Find:
    def find(n: int, before: str) -> list[Row]:
        return desk.store.page_of_dead(
            n,
            before,
            connection=which.connection,
            link=which.link,
            reason=which.reason,
            since=epoch_ms(which.since, 0),
            until=epoch_ms(which.until, FOREVER),
        )

    return find
