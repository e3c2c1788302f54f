"""What happened lately, as pages show it."""

from __future__ import annotations

from bridge.store.engine import Engine
from bridge.store.rows import Row


class Activity:
    """Verbs of the store."""

    db: Engine

    def waits(self) -> Row:
        """Return how much waits for a person: holds and dead."""
        return dict(self.db.run("waits")[0])
