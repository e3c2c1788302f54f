"""Counts that only grow, over all processes and restarts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping

from bridge.store.engine import Engine

Counted = tuple[str, str, str]  # connection, what, outcome


class Tallies:
    """Verbs of the store."""

    db: Engine

    def add_tally(self, counts: Mapping[Counted, int]) -> None:
        """Add to the counts; in the order of their keys, in which no two processes wait for each other."""
        rows = [{"connection": c, "what": w, "outcome": o, "n": n} for (c, w, o), n in sorted(counts.items())]
        if rows:
            with self.db.transaction(durable=False):
                self.db.many("add_tally", rows)

    def tallies(self) -> dict[Counted, int]:
        """Return all counts."""
        return {(r["connection"], r["what"], r["outcome"]): r["n"] for r in self.db.run("tallies")}


class Tally:
    """What one process has counted since it last told the store; a process that is killed loses that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Counted] = Counter()

    def add(self, counted: Iterable[tuple[Counted, int]]) -> None:
        with self._lock:
            for key, n in counted:
                self._counts[key] += n

    def flush(self, store: Tallies) -> None:
        """Add what was counted to the store. What the store does not take is kept; raises what the store raises."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        try:
            store.add_tally(counts)
        except BaseException:
            self.add(counts.items())
            raise
