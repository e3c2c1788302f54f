"""The store on virtual time, on either engine: each transaction and lone read is a step, and its commit is checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import Any, ClassVar

from bridge.core.model import FOREVER
from bridge.store import Store
from bridge.store.inbox import Inbox
from bridge.store.postgres import Postgres
from bridge.store.schema import TABLES
from bridge.store.sqlite import Sqlite
from tests.sim.loop import Loop
from tests.sim.sides import Broken

GROWING = """
CREATE TRIGGER i13_hub BEFORE UPDATE OF version ON hub WHEN NEW.version < OLD.version
BEGIN SELECT RAISE(ABORT, 'I13 hub.version went back'); END;
CREATE TRIGGER i13_stamp BEFORE UPDATE OF stamp ON ref WHEN COALESCE(NEW.stamp, -1) < OLD.stamp
BEGIN SELECT RAISE(ABORT, 'I13 side.stamp went back'); END;
CREATE TRIGGER i13_base BEFORE UPDATE OF base ON shadow WHEN NEW.base < OLD.base
BEGIN SELECT RAISE(ABORT, 'I13 base went back'); END;
"""
AHEAD = """SELECT s.connection, s.field FROM shadow s JOIN hub h ON h.link = s.link AND h.field = s.field
WHERE s.base > h.version UNION ALL
SELECT connection, link FROM write WHERE state = 'open' GROUP BY link, connection HAVING COUNT(*) > 1"""


@cache
def template() -> sqlite3.Connection:
    """Return a migrated database to copy, which is ten times faster than to migrate each; it guards I13."""
    db = Sqlite(":memory:")
    db.migrate()
    assert db._memory is not None
    db._memory.executescript(GROWING)
    return db._memory


# after these, and no others, somebody who polls may find work that was not there
WORK = {
    "accept", "add_look", "look_at_all", "look_at_holds", "look_at_due", "release", "lease", "renew", "resume", "pause",
    "replay_delivery", "replay_dead_delivery", "delivery_state", "void_lease", "move_looks",
}  # fmt: skip
STATE = {"save_hub", "save_shadow", "open_write"}


class Stepped:
    """
    Before an engine: each transaction, and each lone read, is a step; what is committed is checked (I13).

    saved_at: when anything was committed last (ms).
    """

    def stepped_by(self, loop: Loop) -> None:
        self.loop, self._inside, self._work, self._state, self.saved_at = loop, False, False, False, 0

    def query(self, sql: str) -> list[Any]:
        """Return the rows of a statement of the judge's own, which is no step."""
        raise NotImplementedError

    def committed(self, durable: bool) -> None:
        """Something has been committed."""

    def wake(self) -> None:
        """Nobody listens: the loop runs whoever polls."""

    def wait(self, s: float, stop: Any) -> None:
        stop.wait(s)

    def run(self, name: str, /, **parameters: Any) -> list[Any]:
        if not self._inside:
            self.loop.step(stall=True)
        self._work |= name in WORK
        self._state |= name in STATE
        return super().run(name, **parameters)

    def many(self, name: str, /, rows: list[dict[str, Any]]) -> None:
        self._work |= name in WORK and bool(rows)
        self._state |= name in STATE
        super().many(name, rows)

    def insert(self, name: str, /, rows: list[dict[str, Any]]) -> list[Any]:
        self._work |= name in WORK and bool(rows)
        return super().insert(name, rows)

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[None]:
        self.loop.step(stall=True)
        with super().transaction(durable):
            self._inside = True
            try:
                yield
                ahead = self.query(AHEAD) if self._state else None
            finally:
                self._inside = self._state = False
        self.loop.changes, self._work, self.saved_at = self.loop.changes + self._work, False, self.loop.now
        self.committed(durable)
        if ahead:
            raise Broken("I13", f"two open writes, or a shadow ahead of its hub: {tuple(ahead[0])}")


class SteppedSqlite(Stepped, Sqlite):
    """
    A database in memory. left: what a loss of power may leave of it, oldest first: what was synced last, and what was
    committed since, each with its time; None where there are no such losses.
    """

    def __init__(self, loop: Loop) -> None:
        super().__init__(":memory:")
        self.stepped_by(loop)
        self.left: list[tuple[int, sqlite3.Connection]] | None = None
        assert self._memory is not None
        template().backup(self._memory)

    def committed(self, durable: bool) -> None:
        if self.left is not None and self._memory is not None:
            copied = sqlite3.connect(":memory:")
            self._memory.backup(copied)
            self.left = [*([] if durable else self.left), (self.loop.now, copied)]

    def lose_power(self, dice: Random) -> None:
        """Go back to what was synced, or to a state since."""
        if self.left and self._memory is not None:
            self.saved_at, state = dice.choice(self.left)
            state.backup(self._memory)

    def query(self, sql: str) -> list[Any]:
        with self._lent() as db:
            return db.execute(sql).fetchall()


class SteppedPostgres(Stepped, Postgres):
    """A database on a server, emptied. One schedule after the other uses it, with the same connections."""

    connections: ClassVar[dict[str, list[Any]]] = {}

    def __init__(self, loop: Loop, address: str) -> None:
        super().__init__(address)
        self.stepped_by(loop)
        self._inside = True
        self._free = self.connections.setdefault(address, [])
        if not self._free:
            self.migrate()
        for table in reversed(list(TABLES)):
            self.run(f"copy_clear_{table}")
        self._inside = False

    def query(self, sql: str) -> list[Any]:
        with self._lent() as db:
            return db.execute(sql).fetchall()


class SteppedStore(Store):
    """
    A store whose every transaction is a step. address: of a PostgreSQL database, "" for SQLite in memory. paused: since
    when a connection is, and until when (ms).
    """

    address = ""

    def __init__(self, loop: Loop) -> None:
        self.db: Any = SteppedPostgres(loop, self.address) if self.address else SteppedSqlite(loop)
        self.inbox = Inbox(self.db)
        self.ids, self.loop = 0, loop
        self.new_id = self._next
        self.paused: dict[str, tuple[int, int]] = {}

    def _next(self) -> str:
        self.ids += 1
        return f"{self.ids:08d}"

    def lose_power(self, dice: Random) -> None:
        """Go back to what a loss of power may leave; processes that start then know nothing else."""
        self.db.lose_power(dice)
        self._words = None

    def pause(self, connection: str, why: str, until: int = FOREVER) -> None:
        super().pause(connection, why, until)
        since, ends = self.paused.get(connection, (0, 0))
        self.paused[connection] = (since if ends > self.loop.now else self.loop.now, max(ends, until))

    def resume(self, connection: str, now: int) -> None:
        super().resume(connection, now)
        self.paused.pop(connection, None)
