"""How the bridge does, at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge.desk import Desk, Value, moment

HOUR_MS, HOURS = 3_600_000, 24


class Waits(Value):
    """How much waits for a person."""

    holds: int
    dead: int


class Hour(Value):
    """What happened in the 60 minutes from a time on. failures: calls that failed, and writes that were refused."""

    at: datetime
    edits: int = 0
    writes: int = 0
    echoes: int = 0
    failures: int = 0


class Lately(Value):
    """The last day. hours: oldest first, the last one ends now. failures: of the last hour, by connection."""

    hours: Sequence[Hour]
    failures: Mapping[str, int]
    links: int
    choices: int

    def total(self, what: str) -> int:
        """Return how many edits, writes, echoes or failures there were."""
        return sum(self.each(what))

    def each(self, what: str) -> list[int]:
        """Return how many there were in each hour."""
        return [getattr(hour, what) for hour in self.hours]


def waits(desk: Desk) -> Waits:
    """Return how much waits for a person."""
    return Waits(**desk.store.waits())


def lately(desk: Desk) -> Lately:
    """Return what happened in the last day. It reads every attempt of that day: ask now and then, not all the time."""
    since = desk.now() - HOURS * HOUR_MS
    counted: list[dict[str, int]] = [{} for _ in range(HOURS)]
    failures: dict[str, int] = {}
    for row in desk.store.hourly(since):
        hour = min(row["hour"], HOURS - 1)
        counted[hour][row["what"]] = counted[hour].get(row["what"], 0) + row["n"]
        if hour == HOURS - 1 and row["what"] == "failures":
            failures[row["connection"]] = row["n"]
    hours = [Hour(at=moment(since + i * HOUR_MS), **each) for i, each in enumerate(counted)]
    return Lately(hours=hours, failures=failures, **desk.store.known())
