"""What each worker process last said of itself, and what waits at each connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.store.engine import Engine
from bridge.store.rows import Row, to_json

KEPT_MS = 3_600_000


@dataclass(frozen=True)
class Burden:
    """
    What waits at one connection. due: looks whose time has come, the oldest since `due_since`. failing_since:
    since when a side fails that is tried again. waiting: deliveries that
    nobody has turned into looks, the oldest since `waiting_since`. dead: dead letters, writes and
    deliveries alike.
    """

    due: int = 0
    due_since: int | None = None
    failing_since: int | None = None
    waiting: int = 0
    waiting_since: int | None = None
    holds: int = 0
    dead: int = 0


class Pulses:
    """Verbs of the store. What a loss of power takes back of them is said again a few seconds later."""

    db: Engine

    def beat(self, process: str, states: Mapping[str, Mapping[str, Any]], now: int) -> None:
        """Keep what a process says of each connection, in place of what it said before; forget the long silent."""
        rows = [{"process": process, "connection": c, "at": now, "state": to_json(s)} for c, s in states.items()]
        with self.db.transaction(durable=False):
            self.db.many("beat", rows)
            self.db.run("forget_pulses", before=now - KEPT_MS)

    def end_pulse(self, process: str) -> None:
        """Forget a process that ends."""
        with self.db.transaction(durable=False):
            self.db.run("end_pulse", process=process)

    def pulses(self, since: int) -> list[Row]:
        """Return process, connection, when and what was said, parsed, of all that were heard since then."""
        return [{**dict(r), "state": json.loads(r["state"])} for r in self.db.run("pulses", since=since)]

    def burdens(self, now: int) -> dict[str, Burden]:
        """Return what waits, by connection; nothing waits at those that are not named."""
        found: dict[str, dict[str, Any]] = {}
        for r in self.db.run("due_by_connection", now=now):
            found.setdefault(r["connection"], {}).update(due=r["n"], due_since=r["since"])
        for r in self.db.run("failing_by_connection"):
            found.setdefault(r["connection"], {})["failing_since"] = r["since"]
        for r in self.db.run("waiting_by_connection"):
            found.setdefault(r["connection"], {}).update(waiting=r["n"], waiting_since=r["since"])
        for r in self.db.run("holds_by_connection"):
            found.setdefault(r["connection"], {})["holds"] = r["n"]
        for r in self.db.run("dead_by_connection"):
            found.setdefault(r["connection"], {})["dead"] = r["n"]
        return {connection: Burden(**each) for connection, each in found.items()}
