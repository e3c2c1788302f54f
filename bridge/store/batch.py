"""Transactions of the threads of one process on one SQLite file: those that wait share one commit, and so one sync."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bridge.store.turns import Turns


@dataclass
class Batch:
    """
    Transactions that are committed together. spoiled: one failed, maybe by its connection, which is not used again.
    error: why nothing was committed; known once `over` is set.
    """

    db: sqlite3.Connection
    durable: bool
    empty: bool = True
    spoiled: bool = False
    error: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)


class Batches:
    """
    One transaction at a time, in a savepoint of its own unless it is the first, within the batch that is open. Who
    finds nobody waiting ends the batch; the others wait for that, so that whoever returns is committed.

    connect: opens a connection; with True, one whose every commit is synced to the disk before it returns. A batch is
    synced when one transaction in it asks for that. A commit that is not synced survives the death of the process; when
    the machine loses power, it is only lost together with all that followed it.
    """

    def __init__(
        self, connect: Callable[[bool], sqlite3.Connection], close: Callable[[sqlite3.Connection], None], turns: Turns
    ) -> None:
        self._connect, self._close, self._turns = connect, close, turns
        self._connections: dict[bool, sqlite3.Connection] = {}
        self._turn, self._counting = threading.Lock(), threading.Lock()
        self._waiting = {True: 0, False: 0}
        self._open: Batch | None = None

    @contextmanager
    def transaction(self, durable: bool) -> Iterator[sqlite3.Connection]:
        """Lend the connection of the batch; raises what SQLite raises, also when the commit fails that all share."""
        self._await_turn(durable)
        mine: Batch | None = None
        try:
            mine = self._joined(durable)
            alone, mine.empty = mine.empty, False
            if not alone:
                mine.db.execute("SAVEPOINT one")
            try:
                yield mine.db
                if not alone:
                    mine.db.execute("RELEASE one")
            except BaseException:
                self._undo(mine, alone)
                raise
        finally:
            if self._open is not None and not self._anybody():
                self._end()
            self._turn.release()
        mine.over.wait()
        if mine.error is not None:
            raise mine.error

    def close(self) -> None:
        """Close the connections unless a batch is under way; the next transaction opens them anew."""
        with self._turn:
            if self._open is None:
                self._drop()

    def _drop(self) -> None:
        while self._connections:
            self._close(self._connections.popitem()[1])

    def _await_turn(self, durable: bool) -> None:
        with self._counting:
            self._waiting[durable] += 1
        try:
            self._turn.acquire()
        finally:
            with self._counting:
                self._waiting[durable] -= 1

    def _anybody(self) -> bool:
        with self._counting:
            return any(self._waiting.values())

    def _joined(self, durable: bool) -> Batch:
        """Return the open batch, or a new one; who must be synced joins none that is not."""
        if self._open is not None and durable and not self._open.durable:
            self._end()
        if self._open is None:
            with self._counting:
                synced = durable or self._waiting[True] > 0
            if synced not in self._connections:
                self._connections[synced] = self._connect(synced)
            db = self._connections[synced]
            self._turns.take()
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.DatabaseError:
                self._turns.give_back()
                self._drop()
                raise
            self._open = Batch(db, synced)
        return self._open

    def _undo(self, batch: Batch, alone: bool) -> None:
        """Take back one transaction; when SQLite has rolled back all of them, all have failed."""
        batch.spoiled = True
        if alone and batch.db.in_transaction:
            batch.db.execute("ROLLBACK")
        if batch.db.in_transaction:
            batch.db.execute("ROLLBACK TO one")
            batch.db.execute("RELEASE one")
        else:
            self._over(batch, sqlite3.OperationalError("another transaction of this commit failed"))

    def _end(self) -> None:
        batch = self._open
        assert batch is not None
        try:
            batch.db.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001  each of those who wait raises it
            batch.spoiled = True
            if batch.db.in_transaction:
                batch.db.execute("ROLLBACK")
            self._over(batch, error)
        else:
            self._over(batch, None)

    def _over(self, batch: Batch, error: BaseException | None) -> None:
        self._turns.give_back()
        self._open, batch.error = None, error
        if batch.spoiled:
            self._drop()
        batch.over.set()
